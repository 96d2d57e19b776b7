// How often the pruned network will answer as the original does, without a label: agreement on inputs of the model.

import NeuralNetworks

/// Agreement of two networks on a set of inputs.
enum AnswerAgreement {
    /// Share of inputs on which both networks have the same largest output; `nil` with a single output.
    ///
    /// - Parameter weighsByMargin: inputs count by how far the original's largest output lies above the second, for inputs that
    ///   also lie between classes.
    static func share(
        _ original: Network, _ pruned: Network, on inputs: ActivationTensor, weighsByMargin: Bool
    ) throws(PruningError) -> Double? {
        var (same, total) = (0.0, 0.0)
        let (before, after) = (try ActivationStream(original), try ActivationStream(pruned))
        for samples in before.batches(of: inputs) {
            guard let a = try before(inputs, samples: samples).observed.first, let b = try after(inputs, samples: samples).observed.first,
                a.sampleSize > 1
            else { return nil }
            for n in 0..<samples.count {
                let (answer, margin) = largest(a, n)
                let weight = weighsByMargin ? Double(margin.isFinite ? margin : 0) : 1
                total += weight
                if answer == largest(b, n).index { same += weight }
            }
        }
        return total > 0 ? same / total : nil
    }

    /// Index of the largest output of one sample, lowest among equals, and how far it lies above the next.
    private static func largest(_ tensor: ActivationTensor, _ sample: Int) -> (index: Int, margin: Float) {
        let outputs = tensor.values[sample * tensor.sampleSize..<(sample + 1) * tensor.sampleSize]
        var (index, largest, second) = (0, -Float.infinity, -Float.infinity)
        for (k, value) in outputs.enumerated() {
            if value > largest {
                (index, largest, second) = (k, value, largest)
            } else {
                second = Swift.max(second, value)
            }
        }
        return (index, largest - second)
    }
}
