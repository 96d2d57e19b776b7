// `fit --plot`: points, ellipsoid and contact points, seen along its two longest axes.

import ConvexGeometry
import LinearAlgebra

enum EllipsoidPlot {
    /// At most so many points are drawn: more would only make the file large and the picture black.
    private static let pointLimit = 4000

    /// The drawing as an SVG file.
    ///
    /// The shadow of the ellipsoid on the plane of two of its axes is the ellipse with these semiaxes. Both directions
    /// have the same scale unless one axis is more than 20 times the other.
    static func svg(_ fit: MinimumVolumeEllipsoid, points: PointFiles) throws -> String {
        let axes = fit.ellipsoid.principalAxes()
        let lengths = [axes.lengths.first ?? 0, axes.lengths.count > 1 ? axes.lengths[1] : 0]
        let directions = (0..<2).map { k in
            k < axes.directions.columns ? Array(axes.directions.column(k)) : [Double](repeating: 0, count: fit.ellipsoid.dimension)
        }
        // In the coordinates that the file lends.
        let center = points.offset.map { zip(fit.ellipsoid.center, $0).map { $0 - $1 } } ?? fit.ellipsoid.center
        let step = max(1, (points.count + pointLimit - 1) / pointLimit)
        let cloud = try project(points, Array(stride(from: 0, to: points.count, by: step)), center, directions)
        let contacts = try project(points, fit.support, center, directions)
        return draw(fit, lengths: lengths, cloud: cloud, contacts: contacts, shown: cloud.count, total: points.count)
    }

    private static func project(
        _ points: PointFiles, _ indices: [Int], _ center: [Double], _ directions: [[Double]]
    ) throws -> [(x: Double, y: Double)] {
        let chosen = try points.withPieces { $0.columns(indices) }
        return indices.indices.map { index in
            var (x, y) = (0.0, 0.0)
            for k in center.indices {
                let offset = chosen[k, index] - center[k]
                x += offset * directions[0][k]
                y += offset * directions[1][k]
            }
            return (x, y)
        }
    }

    private static func draw(
        _ fit: MinimumVolumeEllipsoid, lengths: [Double], cloud: [(x: Double, y: Double)], contacts: [(x: Double, y: Double)],
        shown: Int, total: Int
    ) -> String {
        let (width, height, margin, top) = (640.0, 520.0, 82.0, 64.0)
        let plot = (width: width - margin - 20, height: height - top - 56)
        // A point of the ellipse is always in view; an ellipsoid of dimension 0 or 1 still gets a frame.
        let reach = [max(lengths[0], 1e-300) * 1.08, max(lengths[1], lengths[0] * 1e-3, 1e-300) * 1.08]
        var perUnit = [plot.width / 2 / reach[0], plot.height / 2 / reach[1]]
        if perUnit[1] < 20 * perUnit[0] { perUnit = [min(perUnit[0], perUnit[1]), min(perUnit[0], perUnit[1])] }
        let middle = (x: margin + plot.width / 2, y: top + plot.height / 2)
        let half = [plot.width / 2 / perUnit[0], plot.height / 2 / perUnit[1]]
        let scales = half.map { AxisScale(from: -$0, to: $0, step: AxisScale.roundStep(2 * $0 / 6)) }

        // In one dimension the ellipse is a segment, and there is nothing to read off the second scale.
        let isLine = lengths[1] == 0
        let dimensions = fit.ellipsoid.dimension == 1 ? "1 dimension" : "\(fit.ellipsoid.dimension) dimensions"
        var svg = SVG(width: width, height: height)
        svg.text(
            margin, 20,
            "Minimum-volume ellipsoid of \(Format.count(total)) points in \(dimensions), along its \(isLine ? "only axis" : "two longest axes")",
            style: "axis")
        let names = [
            ("cloud", "points" + (shown < total ? " (\(Format.count(shown)) of them)" : "")), ("contact", "support: \(contacts.count)"),
        ]
        var x = margin
        for (style, name) in names {
            svg.circle(x + 5, 36, radius: 4, style)
            svg.text(x + 14, 40, name)
            x += 34 + Double(name.count) * 6.6
        }
        svg.line(x, 36, x + 16, 36, "hull")
        svg.text(x + 21, 40, "ellipsoid's shadow")
        for tick in scales[0].ticks {
            let place = middle.x + tick * perUnit[0]
            svg.line(place, top, place, top + plot.height, "grid")
            svg.text(place, top + plot.height + 16, scales[0].label(tick), anchor: .middle, style: "small")
        }
        for tick in isLine ? [] : scales[1].ticks {
            let place = middle.y - tick * perUnit[1]
            svg.line(margin, place, margin + plot.width, place, "grid")
            svg.text(margin - 6, place + 4, scales[1].label(tick), anchor: .end, style: "small")
        }
        svg.rectangle(margin, top, plot.width, plot.height, "frame")
        svg.text(
            middle.x, height - 14, "along the \(isLine ? "only" : "longest") axis (semiaxis \(Format.number(lengths[0])))", anchor: .middle)
        if !isLine {
            svg.text(16, middle.y, "along the second axis (semiaxis \(Format.number(lengths[1])))", anchor: .middle, rotated: true)
        }
        if isLine { svg.line(middle.x - lengths[0] * perUnit[0], middle.y, middle.x + lengths[0] * perUnit[0], middle.y, "hull") }
        for point in cloud { svg.circle(middle.x + point.x * perUnit[0], middle.y - point.y * perUnit[1], radius: 2, "cloud") }
        svg.ellipse(middle.x, middle.y, lengths[0] * perUnit[0], lengths[1] * perUnit[1], "hull")
        for (point, index) in zip(contacts, fit.support) {
            svg.circle(middle.x + point.x * perUnit[0], middle.y - point.y * perUnit[1], radius: 4, "contact", title: "point \(index)")
        }
        return svg.standalone(label: "Points, minimum-volume ellipsoid and its contact points")
    }
}
