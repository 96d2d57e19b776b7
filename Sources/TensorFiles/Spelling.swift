// "Did you mean": the name among those that exist which a mistyped one is closest to.

package enum Spelling {
    /// The candidate that the fewest insertions, deletions, changes and swaps of neighbors lead to; the first of several. Nil when the
    /// best one needs more than a third of the name's characters (but one is always allowed, and three at most).
    ///
    /// O(name · candidate) for each candidate; names longer than 200 characters are not looked at.
    package static func suggestion(for name: String, among candidates: some Sequence<String>) -> String? {
        let typed = Array(name.lowercased())
        guard (2...200).contains(typed.count) else { return nil }
        var best: (name: String, distance: Int)?
        let limit = min(3, max(1, typed.count / 3))
        for candidate in candidates {
            let letters = Array(candidate.lowercased())
            guard letters.count <= 200, abs(letters.count - typed.count) <= limit else { continue }
            let distance = distance(typed, letters)
            if distance <= limit, distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        return best?.name
    }

    /// Optimal string alignment distance.
    private static func distance(_ a: [Character], _ b: [Character]) -> Int {
        var before: [Int] = []
        var last = Array(0...b.count)
        for i in 0..<a.count {
            var row = [i + 1]
            for j in 0..<b.count {
                var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, before[j - 1] + 1) }
                row.append(cost)
            }
            (before, last) = (last, row)
        }
        return last[b.count]
    }
}
