// Learning from the original network: all remaining weights move together, after every closed form.
//
//     minimize over v   E_x ℓ(student(x; unit·v), teacher(x))                                                 (1)
//
//   inputs    every step takes some, each as often as any other, and augments images; the original answers them on the spot
//   loss      DistillationLoss: matched values inside and outputs, or labels
//   step      AdamStep on v of LearnedTensors
//   trust     held-out inputs judge every twentieth part of the run: weights that made them much worse are taken back and the rate
//             is halved; in the end the best weights, and points on the way from the start to them, compete with the start
//
// The result is never worse on held-out inputs than the start. Same seed, same bytes, for any number of threads; a run that goes on
// from a saved state ends in the same bytes.
// Cost of a step: per input one pass of the original, one of the smaller network forward and two back.

import LinearAlgebra
import NeuralNetworks

/// A smaller network and the original that it learns from.
///
/// ```swift
/// let lesson = try Distillation(teacher: original, student: small, inputs: [images], settings: LearningSettings())
/// let (better, report) = try lesson.run()
/// ```
public struct Distillation: Sendable {
    let settings: LearningSettings
    let student: Network
    let teacher: Network
    /// Steps that a whole run makes, and inputs of each.
    public let steps: Int
    /// Inputs of one step.
    public let batch: Int
    /// Says that inputs were left out because they repeat others; `nil` when all differ.
    public let repeats: PruningWarning?
    let inputs: LearningInputs
    private let loss: DistillationLoss
    private let tensors: LearnedTensors
    private let heldOut: HeldOutInputs
    private let answers: Evaluator
    /// Values of the smaller network that the loss reads.
    private let observed: [Network.ValueID]
    /// Multiply–adds of one input in one step, and of a look at one held-out input, as passes make them.
    private let workPerInput, lookWork: Double
    /// Largest step in units of every filter when nothing else is set. Larger ones end in better weights on inputs that no step has
    /// seen as long as they do not drive the error up for good: with 3e-3, 1e-2 and 3e-2 ResNet-20 at 0.3 comes to 65.0, 69.0 and
    /// 70.0 % without data, from 65.0, and to 70.8, 73.4 and 75.0 % with 512 images, from 68.4; LeNet-300-100 at 0.1 without data to
    /// 84.1, 84.2 and 81.7 %, from 82.6. Where it is too large, it is halved.
    private static let mostRate = 1e-2
    /// Steps that move every filter by a share η of itself add squared errors of about the order of (η/κ)²: fifty layers' and momenta's
    /// worth of η². They may not exceed the share of the error that there is to take away, η = κ·√share. EfficientNet-Lite0 with 250
    /// images at 0.9 of its multiply–adds, where .0024 of the error are left, comes from 86.9 to 87.1 % with 1e-3 and to 86.3 % with
    /// 1e-2.
    private static let ratePerRoot = 0.02
    /// Rounds through labelled inputs when nothing else is set.
    private static let epochs = 40
    private static let labelledBatch = 128
    /// Times that held-out inputs are asked during a run, as far as that costs a quarter of what the steps do.
    private static let checks = 5...20
    private static let checkShare = 0.25
    /// A held-out error this much above the best one means that the rate is too large, and not that it has yet to fall.
    private static let tolerance = 1.5
    /// The rate is halved at most so often; then nothing is to be gained.
    private static let leastRateFactor = 1.0 / 32
    /// Points between the start and the best weights that compete in the end.
    private static let blends: [Float] = [0.75, 0.5, 0.25]
    /// Share of the variance below which rounding is all that is left to learn.
    private static let leastShare = 1e-10

    /// Prepares a run.
    ///
    /// - Parameters:
    ///   - teacher: the original network.
    ///   - student: the smaller network; values with the same name and shape in both are taken for the same.
    ///   - inputs: one tensor per input of the networks.
    ///   - judges: inputs that no fit has seen, which decide what is kept; an eighth of `inputs` where there are none.
    ///   - labels: class per input for fine-tuning; empty to learn from the original alone.
    ///   - settings: see there.
    /// - Throws: `malformedNetwork`, `inputShape`, `nonFiniteData`, `invalidSetting`, `evaluation`.
    public init(
        teacher: Network, student: Network, inputs: [ActivationTensor], judges: [ActivationTensor] = [], labels: [Int] = [],
        settings: LearningSettings = LearningSettings()
    ) throws(PruningError) {
        try settings.validate()
        for tensor in inputs + judges {
            if let index = tensor.values.firstIndex(where: { !$0.isFinite }) { throw .nonFiniteData(index: index) }
        }
        for network in [teacher, student] {
            if let found = network.firstUnusableParameter { throw .nonFiniteParameter(name: found.name, index: found.index) }
        }
        self.settings = settings
        do {
            self.teacher = try teacher.inferringShapes()
            self.student = try student.inferringShapes()
        } catch {
            throw .network(error)
        }
        let matched = try MatchedValues(teacher: self.teacher, student: self.student)
        let all = try LearningInputs(inputs, judges: judges, network: self.student, labels: labels, settings: settings)
        do throws(NetworkError) {
            let plain = try HeldOutInputs(
                all, teacher: self.teacher, pairs: matched.outputs, isLogits: settings.outputsAreLogits)
            self.inputs = try all.adjusted(
                to: self.student, judgedBy: plain, teacher: self.teacher)
            let shapes = self.inputs.networkShapes
            // A few inputs show which values are the same, and how much they vary.
            let probe = self.inputs.probe(of: self.teacher)
            let candidates = labels.isEmpty ? matched.features : []
            let pairs = try Distillation.agreeing(
                candidates, probe, self.teacher, self.student, shapes: shapes)
            let observed = pairs + matched.outputs
            answers = try Evaluator(
                self.teacher, observing: observed.map(\.teacher), inputShapes: shapes)
            let seen = try answers.forwardInLanes(probe)
            let variances = seen.map(\.variancePerSample)
            let classes = plain.isLogits ? seen.last?.sampleSize ?? 0 : 0
            loss = DistillationLoss(
                features: Array(variances.prefix(pairs.count)), outputs: Array(variances.dropFirst(pairs.count)),
                centersOutputs: plain.isLogits, matchesProbabilities: self.inputs.showsClasses(classes), usesLabels: !labels.isEmpty)
            heldOut =
                labels.isEmpty
                ? try plain.judged(
                    by: loss, on: self.inputs.augmentation, seed: settings.seed, teacher: self.teacher, pairs: observed) : plain
            tensors = try LearnedTensors(
                self.student, probe: probe, inputShapes: shapes,
                frozen: self.student.frozenTensors(rows: self.inputs.count).union(self.student.fixedParameters))
            self.observed = observed.map(\.student)
            func work(_ network: Network) throws(NetworkError) -> Double {
                try network.inferringShapes(inputShapes: shapes).passMultiplyAdds
            }
            let (teacherWork, studentWork) = (try work(self.teacher), try work(self.student))
            lookWork = teacherWork + studentWork
            workPerInput = Swift.max(1, teacherWork + 3 * studentWork)
        } catch {
            throw .evaluation(error)
        }
        let size = inputs.reduce(0) { $0 + $1.sampleSize }
        let wanted = settings.batch ?? (labels.isEmpty ? LearningSettings.batch(ofInputSize: size) : Distillation.labelledBatch)
        var batch = Swift.min(self.inputs.count, wanted)
        if settings.batch == nil, labels.isEmpty {
            // Sentences are as small as vectors and as dear as images.
            while batch > LearningSettings.leastBatch, settings.work < workPerInput * Double(batch * LearningSettings.leastSteps) {
                batch = Swift.max(LearningSettings.leastBatch, batch / 2)
            }
        }
        self.batch = batch
        let (distinct, given) = (self.inputs.count + heldOut.count, all.tensors.first?.batchCount ?? 0)
        repeats = distinct < given ? .inputsRepeated(distinct: distinct, given: given) : nil
        let rounds = Double(Distillation.epochs * self.inputs.count / Swift.max(1, batch))
        let most = labels.isEmpty ? settings.mostSteps : rounds * settings.effort
        let affordable = settings.work / (workPerInput * Double(batch))
        steps = settings.steps ?? (tensors.names.isEmpty ? 0 : Int(Swift.min(affordable, most)))
        // What cannot be differentiated is refused before the first step.
        do throws(NetworkError) { _ = try gradient() } catch { throw .evaluation(error) }
    }

    /// Looks at the held-out inputs, which cost a pass of both networks each.
    private var checks: Int {
        let look = Double(heldOut.count) * lookWork
        let affordable = Distillation.checkShare * Double(steps * batch) * workPerInput / Swift.max(1, look)
        return Int(Swift.max(Double(Distillation.checks.lowerBound), Swift.min(Double(Distillation.checks.upperBound), affordable)))
    }

    /// Learns.
    ///
    /// - Parameters:
    ///   - earlier: a state of the same run (networks, inputs and settings alike) to go on from.
    ///   - observer: told about every step; returning `false` ends the run early.
    /// - Returns: the network with the best weights found, and an account of them.
    /// - Throws: `evaluation`, `planMismatch` for the state of another run.
    /// - Complexity: `steps` times `batch` inputs, each once forward in the original, once forward and twice back in the smaller network.
    public func run(
        resuming earlier: LearningState? = nil, observer: LearningObserver? = nil
    ) throws(PruningError) -> (network: Network, report: LearningReport) {
        let clock = ContinuousClock()
        let began = clock.now
        // Steps ask for arrays of their own sizes, which what the fit has freed is of no use for.
        FreeMemory.giveBack()
        do {
            var gradient = try gradient()
            gradient.discardPlan()
            var state = try earlier.map { try checked($0, count: tensors.units.count) } ?? begin(tensors.values(of: student))
            // Steps that were asked for are made.
            let isThere = heldOut.share(state.startError).map { $0 <= Distillation.leastShare } ?? false
            if !isThere || settings.steps != nil { try descend(&state, &gradient, observer: observer) }
            var (best, bestError) = (state.best, state.bestError)
            let start = tensors.values(of: student)
            if best != start {
                for share in Distillation.blends {
                    let blend = zip(start, state.best).map { $0 + share * ($1 - $0) }
                    let error = try heldOut.error(of: network(blend))
                    if error < bestError { (best, bestError) = (blend, error) }
                }
            }
            let report = LearningReport(
                steps: state.step, rate: state.rate, heldOutBefore: state.startError.error, heldOutAfter: bestError.error,
                measure: heldOut.measure,
                heldOutCount: heldOut.count,
                work: Double(state.step * batch) * workPerInput,
                seconds: (clock.now - began).seconds)
            return (best == start ? student : network(best), report)
        } catch let error as PruningError {
            throw error
        } catch let error as NetworkError {
            throw .evaluation(error)
        } catch {
            throw .evaluation(.invalidData(reason: "\(error)"))
        }
    }

    private func begin(_ start: [Float]) throws(NetworkError) -> LearningState {
        let zeros = [Float](repeating: 0, count: start.count)
        let error = try heldOut.error(of: student)
        return LearningState(
            step: 0, values: start, first: zeros, second: zeros, momentSteps: 0, best: start, bestError: error, startError: error,
            rate: settings.rate ?? rate(startingAt: error))
    }

    private func rate(startingAt error: HeldOutError) -> Double {
        guard let share = heldOut.share(error), share.isFinite, share > 0 else { return Distillation.mostRate }
        return Swift.min(Distillation.mostRate, Distillation.ratePerRoot * share.squareRoot())
    }

    private func checked(_ state: LearningState, count: Int) throws(PruningError) -> LearningState {
        guard state.values.count == count, state.step <= steps else {
            throw .planMismatch(
                expected: "\(count) learned values and at most \(steps) steps", found: "\(state.values.count) and \(state.step)")
        }
        return state
    }

    /// Goes on to the last step.
    private func descend(
        _ state: inout LearningState, _ gradient: inout WeightGradient, observer: LearningObserver?
    ) throws(NetworkError) {
        let interval = Swift.max(1, steps / checks)
        let leastRate = (settings.rate ?? rate(startingAt: state.startError)) * Distillation.leastRateFactor
        var latest = state.bestError.error
        while state.step < steps, state.rate >= leastRate {
            try gradient.set(zip(state.values, tensors.units).map { $0 * $1 })
            let (value, slopes) = try slope(gradient, step: state.step)
            let rate = state.rate * AdamStep.schedule(step: state.step, of: steps)
            state.step += 1
            if value.isFinite, slopes.allSatisfy(\.isFinite) {
                AdamStep.apply(slopes, rate: rate, to: &state)
            } else {
                state.retreat()
            }
            if state.step % interval == 0 || state.step == steps {
                // A look prepares both networks.
                gradient.discardPlan()
                let error = try heldOut.error(of: network(state.values))
                latest = error.error
                if error < state.bestError {
                    (state.best, state.bestError) = (state.values, error)
                } else if !(error.error <= Distillation.tolerance * state.bestError.error) {
                    state.retreat()
                }
            }
            let progress = LearningProgress(step: state.step, steps: steps, loss: value, heldOutError: latest, state: state)
            if let observer, !observer(progress) { break }
        }
    }

    /// The smaller network with other weights.
    private func network(_ values: [Float]) -> Network {
        var network = student
        var first = 0
        for name in tensors.names {
            guard let shape = student.parameters[name]?.shape else { continue }
            let count = shape.reduce(1, *)
            network.parameters[name] = Parameter(
                shape: shape, values: (first..<first + count).map { values[$0] * tensors.units[$0] })
            first += count
        }
        return network
    }

    /// Slopes of the loss in the weights as they are.
    private func gradient() throws(NetworkError) -> WeightGradient {
        try WeightGradient(student, observing: observed, parameters: tensors.names, inputShapes: inputs.networkShapes)
    }

    /// Loss of one step's inputs and its slope in v.
    private func slope(_ gradient: WeightGradient, step: Int) throws(NetworkError) -> (Double, [Float]) {
        let (samples, labels) = inputs.batch(step, of: batch)
        let targets = try answers.forwardInLanes(samples)
        let loss = self.loss
        var (value, slopes) = try gradient.gradient(at: samples) { sample, values, slopes in
            targets.withSample(sample) {
                loss(values, targets: $0, label: labels.isEmpty ? nil : labels[sample], slopes: slopes)
            }
        }
        let scale = 1 / Float(Swift.max(1, batch))
        for i in slopes.indices { slopes[i] = slopes[i] * tensors.units[i] * scale }
        return (value / Double(Swift.max(1, batch)), slopes)
    }

    /// Pairs whose values agree to some extent: neither the same already nor strangers.
    private static func agreeing(
        _ pairs: [ValuePair], _ probe: [ActivationTensor], _ teacher: Network, _ student: Network, shapes: [[Int]]?
    ) throws(NetworkError) -> [ValuePair] {
        guard !pairs.isEmpty else { return [] }
        func seen(_ network: Network, _ values: [Network.ValueID]) throws(NetworkError) -> [ActivationTensor] {
            try Evaluator(network, observing: values, inputShapes: shapes).forwardInLanes(probe)
        }
        let (wanted, given) = (try seen(teacher, pairs.map(\.teacher)), try seen(student, pairs.map(\.student)))
        return pairs.indices.filter { k in
            let error = zip(wanted[k].values, given[k].values).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
            let share = error / Double(Swift.max(1, wanted[k].batchCount)) / wanted[k].variancePerSample
            return share > 1e-9 && share < 1
        }.map { pairs[$0] }
    }
}

extension LearningState {
    /// Back to the best weights, more slowly.
    mutating func retreat() {
        values = best
        for i in first.indices { (first[i], second[i]) = (0, 0) }
        momentSteps = 0
        rate /= 2
    }
}

extension ActivationTensor {
    /// Variance about the mean of each channel (each value of vectors), summed over a sample.
    fileprivate var variancePerSample: Double {
        let isVector = sampleShape.count == 1
        let deviations = channelDeviations(isChannelLast: isVector)
        let positions = Double(sampleSize) / Double(Swift.max(1, deviations.count))
        return deviations.reduce(0.0) { $0 + Double($1) * Double($1) } * positions
    }
}

extension Network {
    /// Inputs that each regressor of an output layer needs for its weights to move: fewer are fitted by heart.
    private static var rowsPerFeature: Int { 4 }

    /// Weights and shifts of layers that make the network's outputs, where `rows` inputs are few for them.
    fileprivate func frozenTensors(rows: Int) -> Set<String> {
        var names: Set<String> = []
        for output in outputs {
            var value = output
            while let node = nodes.last(where: { $0.outputs.contains(value) }), let input = node.inputs.first {
                if case .linear(let layer) = node.layer, let shape = parameters[layer.weight]?.shape, shape.count == 2 {
                    if rows < Network.rowsPerFeature * shape[layer.inputAxis] {
                        names.formUnion([layer.weight, layer.bias].compactMap { $0 })
                    }
                    break
                }
                guard node.inputs.count == 1, node.layer.keepsVector else { break }
                value = input
            }
        }
        return names
    }
}

extension Layer {
    /// Whether a vector stays a vector of as many values.
    fileprivate var keepsVector: Bool {
        switch self {
        case .softmax, .activation, .identity, .flatten, .reshape: true
        default: false
        }
    }
}
