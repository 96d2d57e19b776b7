// Suite `network`: whole prunes, from the network to the smaller network, and what ForwardWorkloads and StepWorkloads time.
//
// Half of every prunable layer is kept. The answer is checked by its sizes and by comparing the sliced network with the
// original whose removed channels are masked.

import Foundation
import LinearAlgebra
import NeuralNetworks
import Pruning
import TensorFiles

/// A network to prune, and what is known about its inputs.
package struct SubjectNetwork: Sendable {
    package let name: String
    package let tier: Tier
    /// The user's own: a worker process could not know it, hence no comparison of kernels.
    package var isOnFile = false
    /// Statistics of the inputs, where they are declared.
    package var prior: InputPrior?
    /// The network's own input normalization.
    package var scaling = InputScaling()
    /// Labelled images that measure what pruning costs.
    package var evaluation: (@Sendable () throws -> LabelledImages)?
    package let load: @Sendable () throws -> Network

    package init(name: String, tier: Tier, load: @escaping @Sendable () throws -> Network) {
        self.name = name
        self.tier = tier
        self.load = load
    }
}

package enum NetworkWorkloads {
    /// Synthetic networks, and the trained one of the working copy where there is one.
    package static var published: [SubjectNetwork] {
        SyntheticNetworks.allCases.map { network in
            SubjectNetwork(name: network.rawValue, tier: network == .lenet300 ? .quick : .standard) { try network.network() }
        } + [digits].compactMap { $0 }
    }

    package static func workloads(_ subject: SubjectNetwork) -> [Workload] {
        ForwardWorkloads.workloads(subject) + StepWorkloads.workloads(subject)
            + Recipe.allCases.map { recipe in
                let workload = prune(subject, recipe)
                return subject.isOnFile ? workload.without(.kernels) : workload
            }
    }

    private static let kept = 0.5

    private static func prune(_ subject: SubjectNetwork, _ recipe: Recipe) -> Workload {
        Workload(
            .network, "\(recipe.rawValue) \(subject.name)", [Size("keep%", Int(100 * kept))], tier: subject.tier,
            comparisons: recipe == .best ? [.threads, .kernels] : [.kernels]
        ) {
            let network = try subject.load().inferringShapes()
            let settings = settings(subject, recipe: recipe, keep: kept)
            let images = try calibration(network)
            return Instance {
                let plan = try Pruner(network: network, settings: settings).plan(calibration: images)
                let smaller = try plan.apply(to: network)
                return Answer { try check(plan, network, smaller) }
            }
        }
    }

    /// Images drawn for networks that read images; others have a Gaussian model of their inputs.
    private static func calibration(_ network: Network) throws -> ActivationTensor? {
        guard let shape = network.inputs.first.flatMap({ network.values[$0].shape }), shape.count == 3 else { return nil }
        return drawn(shape, count: 256)
    }

    private static func drawn(_ shape: [Int], count: Int) -> ActivationTensor {
        var generator = WorkloadGenerator(seed: 82)
        return ActivationTensor(shape: [count] + shape, values: generator.normals(count * shape.reduce(1, *)).map { Float($0) })
    }

    private static func settings(_ subject: SubjectNetwork, recipe: Recipe, keep: Double, seed: UInt64 = 1) -> PruningSettings {
        var settings = PruningSettings(recipe: recipe, budget: .keep(keep), seed: seed)
        settings.inputPrior = subject.prior
        if !subject.scaling.isRaw {
            // Priors speak of pixels in 0–1.
            let range = Double(subject.scaling.unit) / 255
            settings.inputShift = subject.scaling.mean == [0] ? [] : subject.scaling.mean.map { Double($0) * range }
            settings.inputScale =
                subject.scaling.standardDeviation == [1] ? [] : subject.scaling.standardDeviation.map { Double($0) * range }
        }
        return settings
    }

    /// Sliced equals masked, and every group has the size that was asked for.
    private static func check(_ plan: PruningPlan, _ network: Network, _ smaller: Network) throws -> Verification {
        let measure = "|sliced − masked| / largest output"
        let tolerance = 1000 * Double(Float.ulpOfOne)
        for group in plan.groups where group.kept.count != Budget.count(of: group.channels, ratio: kept) {
            return Verification("\(group.name) keeps \(group.kept.count) of \(group.channels)", error: .infinity, tolerance: 0)
        }
        guard let input = network.inputs.first, let shape = network.values[input].shape else {
            return Verification("the input shape is unknown", error: .infinity, tolerance: 0)
        }
        let inputs = drawn(shape, count: 8)
        let sliced = try Evaluator(smaller).logits(of: inputs).values
        let masked = try Evaluator(try plan.masked(network)).logits(of: inputs).values
        guard sliced.count == masked.count, !masked.isEmpty else { return Verification(measure, error: .infinity, tolerance: tolerance) }
        let largest = Double(masked.reduce(0) { max($0, $1.magnitude) })
        let difference = Double(zip(sliced, masked).reduce(Float(0)) { max($0, ($1.0 - $1.1).magnitude) })
        return Verification(measure, error: largest > 0 ? difference / largest : difference, tolerance: tolerance)
    }
}

// MARK: - What pruning costs

extension NetworkWorkloads {
    /// Share of wrong classes on the labelled images over the kept share, by recipe and for the L2 norm as a baseline.
    package static func errorCurves(_ subject: SubjectNetwork, isCancelled: () -> Bool) throws -> [ErrorCurve] {
        guard let evaluation = subject.evaluation else { return [] }
        let labelled = try evaluation()
        let network = try subject.load().inferringShapes()
        func error(_ network: Network) throws -> Double { 1 - (try Evaluator(network).accuracy(on: labelled).fraction) }
        let whole = try error(network)
        var curves: [ErrorCurve] = []
        for (name, change) in methods {
            var points: [ErrorCurve.Point] = []
            for keep in keptShares where !isCancelled() {
                var settings = settings(subject, recipe: name == Recipe.paper.rawValue ? .paper : .best, keep: keep)
                change(&settings)
                let plan = try Pruner(network: network, settings: settings).plan(calibration: try calibration(network))
                points.append(.init(kept: keep, error: try error(try plan.apply(to: network))))
            }
            points.append(.init(kept: 1, error: whole))
            curves.append(
                ErrorCurve(
                    name: "\(subject.name), \(name)", measure: "share wrong of \(labelled.images.batchCount) images", points: points))
        }
        return isCancelled() ? [] : curves
    }

    private static let keptShares = [0.05, 0.1, 0.2, 0.3, 0.5, 0.7]

    private static var methods: [(name: String, change: (inout PruningSettings) -> Void)] {
        [
            (Recipe.best.rawValue, { _ in }), (Recipe.paper.rawValue, { _ in }),
            ("L2 norm", { ($0.selection, $0.reweighting) = (.l2, .none) }),
        ]
    }

    /// The trained network of `Benchmarks/Digits`; `nil` outside of a working copy.
    private static var digits: SubjectNetwork? {
        guard let folder = WorkingCopy.existing("Benchmarks/Digits") else { return nil }
        var subject = SubjectNetwork(name: "digits", tier: .quick) {
            try Network(archive: try TensorArchive.read(path: folder.appendingPathComponent("digits.safetensors").path))
        }
        // Mean and deviation of its training pixels, from versions.json beside it.
        subject.prior = InputPrior(mean: [0.3047], deviation: [0.3755])
        subject.evaluation = {
            try LabelledImages(archive: try TensorArchive.read(path: folder.appendingPathComponent("digits-test597.npz").path))
        }
        return subject
    }
}
