// A network may only work at some sizes of its inputs (a reshape to a fixed width, windows longer than the input): several usual
// ones are tried in order, and the first is kept at which the model contradicts itself nowhere.

import TensorFiles

extension ONNXImporter {
    /// The import at the first of the usual sizes at which everything fits, or at which most does.
    ///
    /// - Throws: what was wrong at the first sizes, when the model fits together at none.
    static func best(_ model: ONNXModel, inputShapes: [String: [Int]], leavingFrom limit: Int?) throws(NetworkError) -> ONNXImporter {
        let graph = try ONNXGraphIndex(model, leavingFrom: limit)
        let unbatched = ONNXFirstAxis.unbatchedInputs(graph)
        var best: ONNXImporter?
        var failure: NetworkError?
        var hasUsualSizes = true
        // Sizes to try, then the batch as part of a sample.
        for attempt in Array(0..<ONNXInputSizes.images.count) + [-1] {
            if attempt < 0, let best, best.sizes.fixedBatch ?? 1 < 2 { break }
            if attempt > 0, !hasUsualSizes { continue }
            var importer = ONNXImporter(
                graph,
                at: ONNXInputSizes(
                    graph.wire, requested: inputShapes, unbatched: unbatched, candidate: max(attempt, 0), takesBatchWhole: attempt < 0))
            defer { hasUsualSizes = hasUsualSizes && importer.inputSizes.contains { $0.source == .usual } }
            do throws(NetworkError) {
                try importer.run()
            } catch {
                failure = failure ?? error
                continue
            }
            if importer.barrierCount == 0 { return importer }
            // Unknown operations do not depend on sizes: if the second try has as many, so will the others.
            if let known = best, importer.barrierCount >= known.barrierCount {
                hasUsualSizes = false
            } else {
                best = importer
            }
        }
        if let best { return best }
        throw failure ?? .invalidNetwork(reason: "expected sizes at which the model fits together, found none")
    }
}
