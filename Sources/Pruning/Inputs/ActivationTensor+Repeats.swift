import NeuralNetworks

extension ActivationTensor {
    /// The first of all samples that are the same to the bit, in order.
    ///
    /// - Parameter inputs: one tensor per input of a network, of as many samples each.
    static func distinctSamples(of inputs: [ActivationTensor]) -> [Int] {
        func isSame(_ a: Int, _ b: Int) -> Bool {
            inputs.allSatisfy { tensor in tensor.withBytes(of: a) { first in tensor.withBytes(of: b) { first.elementsEqual($0) } } }
        }
        var kept: [Int] = []
        var seen: [Int: [Int]] = [:]
        for index in 0..<(inputs.first?.batchCount ?? 0) {
            var hasher = Hasher()
            for tensor in inputs { tensor.withBytes(of: index) { hasher.combine(bytes: $0) } }
            let hash = hasher.finalize()
            if seen[hash, default: []].contains(where: { isSame($0, index) }) { continue }
            seen[hash, default: []].append(index)
            kept.append(index)
        }
        return kept
    }

    private func withBytes<Result>(of index: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        let size = sampleSize
        return values.withUnsafeBufferPointer {
            body(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: $0[index * size..<(index + 1) * size])))
        }
    }
}
