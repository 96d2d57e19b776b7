// How the outputs of two networks compare on inputs.
//
// A fit looks better on the inputs it has seen. On held-out ones its error is measured, with few of them already well, since it is a
// mean of squares; whether an answer flips is one bit an input. So the errors d = ẑ − z of all inputs are made as large as those of
// the held-out ones,
//   z + s·d,   s² = (Σ‖d‖²/Σ‖z‖² held out)/(Σ‖d‖²/Σ‖z‖² fitted), at least 1,   z and d less their mean over the classes      (1)
// and answers are counted with these.

import NeuralNetworks

/// Outputs of the original and of the pruned network, one row per input.
package struct AnswerComparison: Sendable {
    /// One output of the network on all inputs.
    private struct Output: Sendable {
        var name: String
        var size: Int
        var before: [Float] = []
        var after: [Float] = []
    }

    private var outputs: [Output]
    package let count: Int

    /// Feeds the inputs through both networks.
    ///
    /// - Throws: `evaluation`.
    /// - Complexity: a pass forward of each; memory: their outputs.
    package init(_ original: Network, _ pruned: Network, on inputs: ActivationTensor) throws(PruningError) {
        count = inputs.batchCount
        outputs = original.outputs.map { Output(name: original.values[$0].name, size: 0) }
        let (before, after) = (try ActivationStream(original), try ActivationStream(pruned))
        for samples in before.batches(of: inputs) {
            let a = try before(inputs, samples: samples).observed
            let b = try after(inputs, samples: samples).observed
            for index in outputs.indices where index < a.count && index < b.count && a[index].sampleSize == b[index].sampleSize {
                outputs[index].size = a[index].sampleSize
                outputs[index].before += a[index].values
                outputs[index].after += b[index].values
            }
        }
    }

    /// √(Σ‖ŷ − y‖²/Σ‖y − mean y‖²) of every output that varies at all.
    package var relativeErrors: [OutputPrediction.Output] {
        outputs.compactMap { output in
            guard output.size > 0, !output.before.isEmpty else { return nil }
            let rows = output.before.count / output.size
            var (error, spread) = (0.0, 0.0)
            for k in 0..<output.size {
                var mean = 0.0
                for n in 0..<rows { mean += Double(output.before[n * output.size + k]) }
                mean /= Double(rows)
                for n in 0..<rows {
                    let (a, b) = (Double(output.before[n * output.size + k]), Double(output.after[n * output.size + k]))
                    error += (b - a) * (b - a)
                    spread += (a - mean) * (a - mean)
                }
            }
            guard spread > 0 else { return nil }
            return .init(name: output.name, relativeError: (error / spread).squareRoot())
        }
    }

    /// Σ‖d‖²/Σ‖z‖² of (1) for the only output.
    private var relativeLogitError: Double {
        guard let output = outputs.first, output.size > 1 else { return 0 }
        var (error, energy) = (0.0, 0.0)
        for n in 0..<output.before.count / output.size {
            let row = n * output.size..<(n + 1) * output.size
            let z = output.before[row].map(Double.init)
            let d = zip(output.after[row], z).map { Double($0) - $1 }
            let (zMean, dMean) = (z.reduce(0, +) / Double(z.count), d.reduce(0, +) / Double(d.count))
            for k in z.indices {
                error += (d[k] - dMean) * (d[k] - dMean)
                energy += (z[k] - zMean) * (z[k] - zMean)
            }
        }
        return energy > 0 ? error / energy : 0
    }

    /// s of (1) for errors like those of `heldOut`.
    package func scale(to heldOut: AnswerComparison) -> Double {
        let (own, other) = (relativeLogitError, heldOut.relativeLogitError)
        return own > 0 && other.isFinite ? Swift.max(1, (other / own).squareRoot()) : 1
    }

    /// Share of inputs with the same largest output, and its standard error; `nil` unless there is one output of several values.
    ///
    /// - Parameters:
    ///   - scale: of the errors, see (1).
    ///   - weighsByMargin: inputs count by how far the original's largest output lies above the second, for inputs that also lie
    ///     between classes, where small errors change answers that no data would ask for.
    package func agreement(scale: Double = 1, weighsByMargin: Bool = false) -> (share: Double, error: Double)? {
        guard outputs.count == 1, let output = outputs.first, output.size > 1, !output.before.isEmpty else { return nil }
        var (same, total, squares) = (0.0, 0.0, 0.0)
        for n in 0..<output.before.count / output.size {
            let row = n * output.size..<(n + 1) * output.size
            let z = output.before[row].map(Double.init)
            let moved = zip(z, output.after[row]).map { $0 + scale * (Double($1) - $0) }
            let (answer, margin) = AnswerComparison.largest(z)
            let weight = weighsByMargin ? (margin.isFinite ? margin : 0) : 1
            total += weight
            squares += weight * weight
            if let answer, answer == AnswerComparison.largest(moved).index { same += weight }
        }
        guard total > 0 else { return nil }
        let share = same / total
        return (share, (share * (1 - share) * squares).squareRoot() / total)
    }

    /// Index of the largest value, lowest among equals, and how far it lies above the next; no index where nothing is a number.
    private static func largest(_ values: [Double]) -> (index: Int?, margin: Double) {
        var (index, largest, second): (Int?, Double, Double) = (nil, -.infinity, -.infinity)
        for (k, value) in values.enumerated() {
            if value > largest {
                (index, largest, second) = (k, value, largest)
            } else if value > second {
                second = value
            }
        }
        return (index, largest - second)
    }
}
