// Pieces of drawings, as text.

/// Pieces of SVG.
package enum SVGText {
    /// Text as it stands between tags, or in an attribute's quotes.
    package static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            // Control characters are not allowed in XML at all.
            case _ where scalar.value < 32 && scalar != "\n" && scalar != "\t": result += "\u{fffd}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// One decimal place.
    static func number(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        let sign = tenths < 0 ? "-" : ""
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(sign)\(tenths.magnitude / 10).\(tenths.magnitude % 10)"
    }

    static func line(_ text: String, x: Double, y: Double, style: String, anchor: String = "middle") -> String {
        "<text x=\"\(number(x))\" y=\"\(number(y))\" class=\"\(style)\" text-anchor=\"\(anchor)\">\(escaped(text))</text>"
    }

    static func rectangle(_ x: Double, _ y: Double, _ width: Double, _ height: Double, style: String, radius: Double) -> String {
        "<rect x=\"\(number(x))\" y=\"\(number(y))\" width=\"\(number(width))\" height=\"\(number(height))\" rx=\"\(number(radius))\" class=\"\(style)\"/>"
    }

    /// Vertical tangents at every point.
    static func curve(_ points: [LayeredLayout.Point]) -> String {
        var path = "M\(number(points[0].x)),\(number(points[0].y))"
        for (a, b) in zip(points, points.dropFirst()) {
            let middle = (a.y + b.y) / 2
            path += " C\(number(a.x)),\(number(middle)) \(number(b.x)),\(number(middle)) \(number(b.x)),\(number(b.y))"
        }
        return path
    }
}
