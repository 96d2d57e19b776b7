// Looking things up in a network by what names them.

import NeuralNetworks

extension Network {
    /// Values of a parameter that a layer names.
    /// - Throws: `missingParameter`.
    func values(of name: String) throws(PruningError) -> [Float] {
        guard let parameter = parameters[name] else { throw .missingParameter(name: name, layer: nil) }
        return parameter.values
    }

    /// Nodes that a value depends on.
    func ancestors(of value: ValueID) -> Set<Int> {
        var wanted: Set<ValueID> = [value]
        var result: Set<Int> = []
        for index in nodes.indices.reversed() where nodes[index].outputs.contains(where: wanted.contains) {
            result.insert(index)
            wanted.formUnion(nodes[index].inputs)
        }
        return result
    }

    /// Values that nodes before `node` (or the inputs) make and later ones, or the outside, read; fixed tensors, and what cannot be
    /// computed, excepted.
    func values(crossing node: Int) -> [ValueID] {
        var made = Set(inputs)
        for earlier in nodes[..<node] {
            if case .constant = earlier.layer { continue }
            made.formUnion(earlier.outputs)
        }
        let read = Set(nodes[node...].flatMap(\.inputs) + outputs)
        let evaluability = evaluability()
        return made.intersection(read).filter(evaluability.isComputable).sorted()
    }

    /// Elements that one input has in some values, those of unknown shape excepted.
    func sampleSize(of values: [ValueID]) -> Int { values.reduce(0) { $0 + (self.values[$1].shape?.reduce(1, *) ?? 0) } }

    /// Multiply–adds of one input on the way from some values to others; nodes of unknown cost count nothing.
    func multiplyAdds(from sources: [ValueID], to taps: [ValueID]) -> Double {
        var wanted = Set(taps).subtracting(sources)
        var sum = 0.0
        for index in nodes.indices.reversed() where nodes[index].outputs.contains(where: wanted.contains) {
            sum += Double(cost(of: index).multiplyAdds ?? 0)
            wanted.formUnion(Set(nodes[index].inputs).subtracting(sources))
        }
        return sum
    }

    /// Samples per batch so that the observed values of one batch stay below a number of megabytes, at most 128; two where they do not,
    /// for as many cores.
    func batchSize(observing taps: [ValueID], megabytes: Int = 128) -> Int {
        let perSample = sampleSize(of: taps)
        return Swift.max(2, Swift.min(128, (megabytes << 18) / Swift.max(1, perSample)))
    }
}
