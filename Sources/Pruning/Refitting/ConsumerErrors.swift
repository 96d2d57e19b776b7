// What a refit leaves of a consumer's error.

import NeuralNetworks

/// Predicted squared errors of what one consumer computes, per row of its V or per output.
struct ConsumerErrors: Sendable {
    var consumer: Consumer
    var errors: [Double]
    var energies: [Double]

    /// The errors after the layer was refitted once more, when this is the layer.
    func replaced(by final: FinalErrors) -> ConsumerErrors {
        guard consumer.layer.weight == final.parameter, final.errors.count == consumer.outputCount else { return self }
        return ConsumerErrors(consumer: consumer, errors: final.errors, energies: final.energies)
    }

    /// Relative error over the outputs that survive; removed outputs owe nothing to anybody.
    func relative(keptOutputs: [Int]?) -> (error: Double, energy: Double) {
        let kept = keptOutputs.map(Set.init)
        var (error, energy) = (0.0, 0.0)
        for row in errors.indices {
            // Sequential targets are the outputs themselves; one-shot targets are rows of V.
            let output = errors.count == consumer.outputCount ? row : consumer.output(ofRow: row)
            guard kept?.contains(output) ?? true else { continue }
            error += errors[row]
            energy += energies[row]
        }
        return (error, energy)
    }
}
