// Names with wildcards.

/// A name in which `*` stands for any characters and `?` for any one; all others stand for themselves.
package struct NamePattern {
    private let pattern: [Character]

    package init(_ text: String) { pattern = Array(text) }

    /// Whether the whole name fits.
    ///
    /// On a mismatch the last star takes one character more: no other star need be tried again. O(pattern · name).
    package func matches(_ name: String) -> Bool {
        let name = Array(name)
        var (p, n) = (0, 0)
        var star: (pattern: Int, name: Int)?
        while n < name.count {
            if p < pattern.count, pattern[p] == "*" {
                star = (p, n)
                p += 1
            } else if p < pattern.count, pattern[p] == "?" || pattern[p] == name[n] {
                (p, n) = (p + 1, n + 1)
            } else if let last = star {
                star = (last.pattern, last.name + 1)
                (p, n) = (last.pattern + 1, last.name + 1)
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == "*" }
    }
}
