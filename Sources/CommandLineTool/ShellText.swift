// Words as a line that a shell takes apart into the same words.

import TensorFiles

enum ShellText {
    static func line(_ words: [String]) -> String { words.map(quoted).joined(separator: " ") }

    static func quoted(_ word: String) -> String {
        if word.unicodeScalars.contains(where: { SystemPath.byte(of: $0) != nil }) { return withBytes(word) }
        let plain = word.unicodeScalars.allSatisfy { scalar in
            scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || "-_./=,:+@%".unicodeScalars.contains(scalar)
        }
        if plain, !word.isEmpty { return word }
        return "'" + word.replacingOccurrences(of: "'", with: "'\\''") + "'"
    }

    /// As `$'caf\xe9.npy'`, which bash, zsh and POSIX.1-2024 understand, for bytes that no text holds.
    private static func withBytes(_ word: String) -> String {
        var text = ""
        for scalar in word.unicodeScalars {
            if let byte = SystemPath.byte(of: scalar) {
                // Three digits of base eight end by themselves; \x takes all that follow.
                text += "\\" + String(byte, radix: 8)
            } else if scalar == "'" || scalar == "\\" {
                text += "\\" + String(scalar)
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return "$'" + text + "'"
    }
}
