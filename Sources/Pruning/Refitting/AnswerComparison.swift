// How the outputs of two networks compare on inputs.
//
// A fit looks better on the inputs it has seen, and whether an answer flips is one bit an input: of few held-out inputs a count says
// little. So the errors of every held-out input j are put onto every input i, component by component in the order of the original's
// values,
//   agreement = mean_ij [largest of α·s_i + δ_j is its first],   s_i = z_i descending,   δ_j = (ẑ_j − α·z_j) in the order of z_j   (1)
//   α = Σ_j ⟨ẑ_j, z_j⟩/Σ_j ‖z_j‖²,   values less the mean of their input                                                          (2)
// What a pruned network answers is less sure by a common factor α, which confuses nothing; the rest of an error is assumed not to know
// how far the values that it confuses lie apart. Without α an error of a sure answer is put onto unsure ones. The variance of (1) is
// var_i/I + var_j/J of the means over the other index. Measured on ResNet-20 kept at 0.7, 0.5 and 0.3, 40 of 500 test images held out:
// 92.2, 81.9, 64.8 % for fits without data where 92.8, 83.2, 68.8 % agree (α = 1: 86.8, 67.3, 52.9), 93.4, 87.0, 76.6 % for 93.6, 87.6,
// 77.0 % with 512 images (α = 1: 91.9, 82.6, 69.7).

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
    package private(set) var count: Int
    /// Values of the outputs of both networks in memory, a quarter of a gigabyte, and inputs that are compared whatever theirs are.
    private static let mostFloats = 1 << 26
    private static let leastInputs = 16

    /// Inputs that are compared: fewer where outputs are large, maps or words of a vocabulary, each of which says more.
    private static func most(_ network: Network) -> Int {
        let size = network.sampleSize(of: network.comparableOutputs)
        return Swift.max(leastInputs, mostFloats / Swift.max(1, 2 * size))
    }

    /// Nothing yet of the outputs of a network.
    init(outputsOf network: Network) {
        count = 0
        outputs = network.comparableOutputs.map { Output(name: network.values[$0].name, size: 0) }
    }

    /// Feeds the inputs through both networks.
    ///
    /// - Throws: `evaluation`.
    /// - Complexity: a pass forward of each; memory: their outputs.
    package init(_ original: Network, _ pruned: Network, on inputs: ActivationTensor) throws(PruningError) {
        try self.init(original, pruned, on: inputs, meter: nil)
    }

    init(_ original: Network, _ pruned: Network, on inputs: ActivationTensor, meter: WorkMeter?) throws(PruningError) {
        self.init(outputsOf: original)
        let taps = original.comparableOutputs
        guard !taps.isEmpty else { return }
        let before = try ActivationStream(original, observing: taps, meter: meter)
        let after = try ActivationStream(pruned, observing: taps, meter: meter)
        let most = AnswerComparison.most(original)
        for samples in before.batches(of: inputs) where samples.lowerBound < most {
            add(try before(inputs, samples: samples).observed, try after(inputs, samples: samples).observed)
        }
    }

    /// Feeds the inputs on from a cut.
    ///
    /// - Parameter most: how many of them.
    init(_ original: MaskedNetwork, _ pruned: MaskedNetwork, from cut: PairedFrontier, most: Int) throws(PruningError) {
        let taps = original.network.comparableOutputs
        var sums = AnswerComparison(outputsOf: original.network)
        guard !taps.isEmpty else {
            self = sums
            return
        }
        try cut.forEachBatch(
            of: 0..<Swift.min(most, AnswerComparison.most(original.network), cut.reached), in: original, observing: taps, pruned,
            observing: taps
        ) {
            _, before, after in
            sums.add(taps.compactMap { before[$0] }, taps.compactMap { after[$0] })
        }
        self = sums
    }

    /// The outputs of both networks for one batch.
    mutating func add(_ before: [ActivationTensor], _ after: [ActivationTensor]) {
        count += before.first?.batchCount ?? 0
        for k in outputs.indices where k < before.count && k < after.count && before[k].sampleSize == after[k].sampleSize {
            outputs[k].size = before[k].sampleSize
            outputs[k].before += before[k].values
            outputs[k].after += after[k].values
        }
    }

    /// The first output of both networks, (N, classes).
    var answers: (before: ActivationTensor, after: ActivationTensor) {
        guard let output = outputs.first else { return (.init(shape: [0], values: []), .init(shape: [0], values: [])) }
        func tensor(_ values: [Float]) -> ActivationTensor {
            ActivationTensor(shape: [values.count / Swift.max(1, output.size), output.size], values: values)
        }
        return (tensor(output.before), tensor(output.after))
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

    /// Share of inputs with the same largest output, and its standard error; `nil` unless there is one output of several values.
    package var agreement: (share: Double, error: Double)? {
        guard let output = classes else { return nil }
        let rows = output.before.count / output.size
        let same = (0..<rows).reduce(into: 0.0) { same, n in
            let row = n * output.size..<(n + 1) * output.size
            if let answer = Self.largest(output.before[row]), answer == Self.largest(output.after[row]) { same += 1 }
        }
        let share = same / Double(rows)
        return (share, (share * (1 - share) / Double(rows)).squareRoot())
    }

    /// What ``agreement`` has beyond two networks that name the same classes as often, but each by chance: κ = (a − e)/(1 − e),
    /// e = Σ_k p_k·p̂_k, at least 0 and never above the agreement; `nil` where only one class is ever named. Inputs of another kind may show
    /// hardly a class: PP-OCR's direction network names one of two for most dead leaves, on which 94 % agree and on lines of text 75.
    /// Source: Cohen, Educational and Psychological Measurement 20, 1960.
    package var agreementBeyondChance: (share: Double, error: Double)? {
        guard let output = classes, let agreement else { return nil }
        var (before, after) = ([Double](repeating: 0, count: output.size), [Double](repeating: 0, count: output.size))
        let rows = output.before.count / output.size
        for n in 0..<rows {
            let row = n * output.size..<(n + 1) * output.size
            if let k = Self.largest(output.before[row]) { before[k] += 1 / Double(rows) }
            if let k = Self.largest(output.after[row]) { after[k] += 1 / Double(rows) }
        }
        let rest = 1 - zip(before, after).reduce(0) { $0 + $1.0 * $1.1 }
        guard rest > 1e-9 else { return nil }
        return (Swift.max(0, 1 - (1 - agreement.share) / rest), agreement.error / rest)
    }

    /// (1) with the inputs of this comparison and of the other one as i, and the errors of the other one as δ.
    ///
    /// - Parameter weighsByMargin: inputs and errors count by the margin of the original's answer (``MarginWeights``).
    /// - Complexity: O(inputs · held-out inputs · classes).
    package func agreement(withErrorsOf heldOut: AnswerComparison, weighsByMargin: Bool = false) -> (share: Double, error: Double)? {
        guard let own = classes, let other = heldOut.classes, own.size == other.size else { return nil }
        let size = own.size
        func rows(_ values: [Float]) -> [ArraySlice<Float>] {
            stride(from: 0, to: values.count, by: size).map { values[$0..<$0 + size] }
        }
        let held = rows(other.before), inputs = rows(own.before) + held
        let margins = weighsByMargin ? MarginWeights(inputs) : nil
        let errorWeights = held.map { margins?.error($0) ?? 1 }, inputWeights = inputs.map { margins?.input($0) ?? 1 }
        let errorTotal = errorWeights.reduce(0, +), inputTotal = inputWeights.reduce(0, +)
        guard errorTotal > 0, inputTotal > 0 else { return nil }

        let factor = Self.factor(other)
        let errors = held.map { row in Self.descending(row).map { other.after[$0] - factor * other.before[$0] } }
        var perInput = [Double](repeating: 0, count: inputs.count), perError = [Double](repeating: 0, count: errors.count)
        for (i, row) in inputs.enumerated() {
            let scaled = Self.descending(row).map { factor * row[$0] }
            for (j, error) in errors.enumerated() {
                let first = scaled[0] + error[0]
                // Where a sum is no number nothing is named.
                guard first.isFinite, (1..<size).allSatisfy({ scaled[$0] + error[$0] <= first }) else { continue }
                perInput[i] += errorWeights[j]
                perError[j] += inputWeights[i]
            }
        }
        let share = zip(perInput, inputWeights).reduce(0) { $0 + $1.0 / errorTotal * $1.1 } / inputTotal
        /// Of the weighted mean of the shares that these sums are of a total.
        func variance(_ sums: [Double], of total: Double, _ weights: [Double]) -> Double {
            let squares = zip(sums, weights).reduce(0) { $0 + ($1.0 / total - share) * ($1.0 / total - share) * $1.1 * $1.1 }
            let sum = weights.reduce(0, +)
            return squares / (sum * sum)
        }
        let both = variance(perInput, of: errorTotal, inputWeights) + variance(perError, of: inputTotal, errorWeights)
        // Even a count without a single change leaves one in as many as were counted.
        return (share, Swift.max(both, 1 / Double(inputs.count * inputs.count)).squareRoot())
    }

    /// (2); 1 where the values say nothing.
    private static func factor(_ output: Output) -> Float {
        var (product, square) = (0.0, 0.0)
        for n in 0..<output.before.count / output.size {
            let row = n * output.size..<(n + 1) * output.size
            let mean = output.before[row].reduce(0.0) { $0 + Double($1) } / Double(output.size)
            for k in row {
                let centered = Double(output.before[k]) - mean
                product += centered * Double(output.after[k])
                square += centered * centered
            }
        }
        let factor = Float(product / square)
        return factor.isFinite && factor > 0 ? factor : 1
    }

    /// The only output, when it has several values and inputs were compared.
    private var classes: Output? {
        guard outputs.count == 1, let output = outputs.first, output.size > 1, !output.before.isEmpty else { return nil }
        return output
    }

    /// Indices by falling value, lowest first among equals; what is no number last.
    private static func descending(_ values: ArraySlice<Float>) -> [Int] {
        func key(_ i: Int) -> Float { values[i].isNaN ? -.infinity : values[i] }
        return values.indices.sorted { (key($0), $1) > (key($1), $0) }
    }

    /// Index within the slice of the largest value, lowest among equals; none where nothing is a number.
    private static func largest(_ values: ArraySlice<Float>) -> Int? {
        values.indices.reduce(nil as Int?) { best, i in
            values[i].isNaN || best.map { values[$0] >= values[i] } ?? false ? best : i
        }.map { $0 - values.startIndex }
    }
}
