// Statistics of what batch normalizations read.

extension InputGradient {
    /// Values per channel that a batch normalization reads of one sample, by node index.
    public var valuesPerSample: [Int: Int] {
        Dictionary(normalizations.sites.map { ($0.node, $0.positions) }, uniquingKeysWith: { first, _ in first })
    }

    /// Mean and population variance of what every batch normalization reads, by node index.
    public func normalizationStatistics(
        of inputs: ActivationTensor, threads: Int? = nil
    ) throws(NetworkError) -> [Int: ChannelStatistics] {
        let chunks = try self.chunks(inputs)
        return normalizations.statistics(try sums(inputs, chunks[...], threads: threads), samples: inputs.batchCount)
    }

    private func sums(
        _ inputs: ActivationTensor, _ chunks: ArraySlice<Range<Int>>, threads: Int?
    ) throws(NetworkError) -> [[Double]] {
        var sums = [[Double]](repeating: [], count: chunks.count)
        try sums.withUnsafeMutableBufferPointer { (sums) throws(NetworkError) in
            // Chunks write to their own place.
            nonisolated(unsafe) let sums = sums
            try forEachChunk(inputs, chunks, threads: threads, needsGradients: false) { index, pointers, _, count in
                sums[index] = normalizations.sums(pointers, count: count)
            }
        }
        return sums
    }
}
