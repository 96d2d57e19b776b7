// The words of the command line, before the parser sees them.

import TensorFiles

enum CommandArguments {
    /// The words behind the program's name as texts of `SystemPath`: Swift's own have bytes that are not UTF-8 repaired, and a repaired name
    /// is that of another file.
    static let words = (1..<max(1, Int(CommandLine.argc))).compactMap { CommandLine.unsafeArgv[$0].map { SystemPath.text(ofCString: $0) } }

    /// Values that begin with a minus sign are joined to the option before them, since the parser takes every such word for a flag:
    /// `--mean -0.1,0.2` becomes `--mean=-0.1,0.2`. No flag of ours begins with a digit, and none is called inf or nan.
    static func joiningNegativeValues(_ words: [String]) -> [String] {
        var joined: [String] = []
        var isLiteral = false
        for word in words {
            if !isLiteral, isNegativeNumber(word), let last = joined.last, last.hasPrefix("--"), last.count > 2, !last.contains("=") {
                joined[joined.count - 1] = last + "=" + word
            } else {
                // Behind a bare "--" every word is a value already.
                isLiteral = isLiteral || word == "--"
                joined.append(word)
            }
        }
        return joined
    }

    /// −5, −.5, −1e-3, −0.1,0.2,0.3, −inf, −nan.
    private static func isNegativeNumber(_ word: String) -> Bool {
        guard word.hasPrefix("-") else { return false }
        let rest = word.dropFirst().lowercased()
        if let digit = rest.first(where: { $0 != "." }), digit.isASCII, digit.isNumber { return rest.prefix { $0 == "." }.count <= 1 }
        return ["inf", "infinity", "nan"].contains(rest)
    }
}
