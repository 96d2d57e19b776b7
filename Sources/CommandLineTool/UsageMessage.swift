// What the parser of the command line says, in the words of this tool where its own would mislead.

enum UsageMessage {
    /// A value that is a number but does not fit the option is out of range, not just "invalid".
    ///
    /// The parser writes: the value 'V' is invalid for '--option <value>'. The option's values are not known here; those that have a smaller
    /// range than Int or Double are counts and seeds.
    static func rewritten(_ message: String) -> String {
        guard message.hasPrefix("the value '"), let middle = message.range(of: "' is invalid for '") else { return message }
        let value = message[message.index(message.startIndex, offsetBy: 11)..<middle.lowerBound]
        let option = message[middle.upperBound...].prefix { $0 != "'" && $0 != " " && $0 != "=" }
        guard option.hasPrefix("-"), let number = Double(value) else { return message }
        guard number.isFinite else { return "expected a finite number for \(option), found \(value)" }
        // A whole number that is spelled like another, 1.0 or 1e3, is none to the parser.
        if value.contains(where: { !$0.isNumber && !"+-".contains($0) }) { return "expected a whole number for \(option), found \(value)" }
        return number < 0
            ? "expected a number of at least 0 for \(option), found \(value), which is out of range"
            : "expected a number in range for \(option), found \(value)"
    }
}
