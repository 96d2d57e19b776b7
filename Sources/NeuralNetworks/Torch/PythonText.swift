// Numbers, strings and names as Python has them.

import TensorFiles

enum PythonText {
    /// A string literal: whatever a file calls its tensors, it ends where it should.
    static func string(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case " "..."~": result.unicodeScalars.append(scalar)
            default:
                let digits = String(scalar.value, radix: 16)
                result += "\\U" + String(repeating: "0", count: 8 - digits.count) + digits
            }
        }
        return result + "\""
    }

    /// A path: bytes that are no UTF-8 as the surrogates that Python has for them (PEP 383).
    static func path(_ path: String) -> String {
        var result = "", text = ""
        for scalar in path.unicodeScalars {
            guard let byte = SystemPath.byte(of: scalar) else { text.unicodeScalars.append(scalar); continue }
            result += string(text).dropFirst().dropLast() + "\\udc" + String(byte, radix: 16)
            text = ""
        }
        return "\"" + result + string(text).dropFirst()
    }

    /// A comment's text: one line, printable.
    static func comment(_ text: String) -> String { String(text.unicodeScalars.map { (" "..."~").contains($0) ? Character($0) : "?" }) }

    /// The shortest text that reads as the same single.
    static func number(_ value: Float) -> String {
        if value.isNaN { return "float(\"nan\")" }
        if value.isInfinite { return value > 0 ? "float(\"inf\")" : "float(\"-inf\")" }
        return "\(value)"
    }

    static func tuple(_ values: [Int]) -> String {
        values.count == 1 ? "(\(values[0]),)" : "(" + values.map(String.init).joined(separator: ", ") + ")"
    }

    static func list(_ values: [Int]) -> String { "[" + values.map(String.init).joined(separator: ", ") + "]" }

    /// One number where all are the same, as `torch.nn` has it for kernels and strides.
    static func window(_ values: [Int]) -> String { Set(values).count == 1 ? "\(values[0])" : tuple(values) }

    /// A name for a variable, made of what letters and digits there are.
    static func identifier(_ text: String) -> String {
        var name = String(
            text.unicodeScalars.map { scalar in
                scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)) ? Character(scalar) : "_"
            })
        while name.hasPrefix("_") { name.removeFirst() }
        guard let first = name.first else { return "value" }
        return first.isNumber || keywords.contains(name) ? "value_" + name : name
    }

    private static let keywords: Set<String> = [
        "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else",
        "except",
        "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try",
        "while", "with", "yield", "self", "torch", "nn", "F", "layer", "n",
    ]
}
