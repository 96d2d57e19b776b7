// Inputs where none are given, and whether two networks answer them alike.

import NeuralNetworks
import RandomNumbers

extension Network {
    /// 64 normal samples of every input, for timing and for comparing outputs.
    func drawnInputs(seed: UInt64) throws -> [ActivationTensor] {
        let inferred = try inferringShapes()
        var generator = SeededGenerator(seed: seed)
        return try inferred.inputs.map { input in
            guard let shape = inferred.values[input].shape else {
                throw CommandFailure.failure("expected data for a network whose input shape is unknown, found none")
            }
            let count = 64
            return ActivationTensor(shape: [count] + shape, values: (0..<count * shape.reduce(1, *)).map { _ in Float(generator.normal()) })
        }
    }
}

extension ActivationTensor {
    /// Share of samples on which both are largest at the same place; nil where samples are no scores of several classes.
    func classAgreement(with other: ActivationTensor) -> Double? {
        guard sampleSize == other.sampleSize, sampleSize > 1, batchCount > 0, batchCount == other.batchCount else { return nil }
        let size = sampleSize
        func best(_ tensor: ActivationTensor, _ row: Int) -> Int {
            (1..<size).reduce(0) { tensor.values[row * size + $1] > tensor.values[row * size + $0] ? $1 : $0 }
        }
        return Double((0..<batchCount).filter { best(self, $0) == best(other, $0) }.count) / Double(batchCount)
    }
}
