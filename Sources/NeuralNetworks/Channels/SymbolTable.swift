// Classes of symbols that must be kept or cut together: union–find, smallest member as representative.

struct SymbolTable: Sendable {
    private var parent: [Int] = []

    var count: Int { parent.count }

    /// `count` new symbols, consecutive.
    mutating func make(_ count: Int) -> [Int] {
        let first = parent.count
        parent.append(contentsOf: first..<first + count)
        return Array(first..<first + count)
    }

    func find(_ symbol: Int) -> Int {
        var root = symbol
        while parent[root] != root { root = parent[root] }
        return root
    }

    mutating func unite(_ a: Int, _ b: Int) {
        let (x, y) = (compress(a), compress(b))
        if x != y { parent[max(x, y)] = min(x, y) }
    }

    /// Unites position by position. Precondition: equal lengths.
    mutating func unite(_ a: [Int], _ b: [Int]) {
        for (x, y) in zip(a, b) { unite(x, y) }
    }

    private mutating func compress(_ symbol: Int) -> Int {
        let root = find(symbol)
        var current = symbol
        while parent[current] != root {
            let next = parent[current]
            parent[current] = root
            current = next
        }
        return root
    }
}
