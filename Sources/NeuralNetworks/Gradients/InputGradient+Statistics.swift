// Statistics of what batch normalizations read, of all samples or as a correction of what a gradient pass observed.

extension InputGradient {
    /// What all batch normalizations read in one pass.
    public struct Observation: Sendable {
        /// Per chunk of samples.
        let sums: [[Double]]
        /// Mean and population variance by node index.
        public let statistics: [Int: ChannelStatistics]
    }

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

    /// Estimates the same for inputs that moved a little since `earlier` was observed, at an eighth of the cost.
    ///
    /// The first eighth of the samples is evaluated again; means move as those of this part did, variances by the same factor.
    /// Exact when all samples are in one chunk.
    public func normalizationStatistics(
        of inputs: ActivationTensor, movedSince earlier: Observation, threads: Int? = nil
    ) throws(NetworkError) -> [Int: ChannelStatistics] {
        let chunks = try self.chunks(inputs)
        precondition(chunks.count == earlier.sums.count, "the inputs are those of the observation, moved")
        let part = chunks.prefix(max(1, chunks.count / 8))
        let samples = part.last?.upperBound ?? 0
        let before = normalizations.statistics(Array(earlier.sums.prefix(part.count)), samples: samples)
        let after = normalizations.statistics(try sums(inputs, part, threads: threads), samples: samples)
        var result = earlier.statistics
        for (node, whole) in earlier.statistics {
            guard let before = before[node], let after = after[node] else { continue }
            result[node] = ChannelStatistics(
                mean: whole.mean.indices.map { whole.mean[$0] + (after.mean[$0] - before.mean[$0]) },
                variance: whole.mean.indices.map {
                    before.variance[$0] > 0 ? whole.variance[$0] * (after.variance[$0] / before.variance[$0]) : after.variance[$0]
                })
        }
        return result
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
