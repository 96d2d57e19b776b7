// Do the paper's sensitivities choose better neurons than simpler draws, once the smaller network is trained again?
//
//   compare-retraining NETWORK.safetensors TRAIN.npz TEST.npz [EPOCHS [SEEDS]]
//
// LeNet-300-100 loses 80, 90 and 95 % of its parameters by `paper`, by uniform draws, by L2 norms, by the sampling of Mussay et al.
// and by the default recipe on 512 of the training images. All keep the same widths and then learn the same epochs of labels with
// the same seeds. Prints a Markdown table of test errors, before and after.

import Foundation
import NeuralNetworks
import Pruning
import RandomNumbers
import ReferenceImplementations
import TensorFiles

@main
enum RetrainingComparison {
    enum Method: String, CaseIterable {
        case paper = "`paper`"
        case uniform = "uniform draws"
        case norms = "L2 norm of the incoming weights"
        case sampling = "Mussay et al."
        case best = "`best`, 512 images"
    }

    /// Removed shares of the parameters, and the kept share of both hidden layers that leaves the rest:
    /// r with 784·300·r + 300·100·r² + 100·10·r = kept·266 200.
    static let removed: [(share: Double, ratio: Double)] = [0.8, 0.9, 0.95].map { share in
        let (a, b, c) = (30_000.0, 236_200.0, (1 - share) * 266_200)
        return (share, (-b + (b * b + 4 * a * c).squareRoot()) / (2 * a))
    }

    /// What the arguments or files lack.
    struct Failure: Error, CustomStringConvertible {
        let expected: String
        var description: String { "expected \(expected)" }
    }

    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count >= 4 else {
            throw Failure(expected: "NETWORK.safetensors TRAIN.npz TEST.npz [EPOCHS [SEEDS]]")
        }
        let network = try Network(archive: TensorArchive.read(path: arguments[1]))
        let train = try LabelledImages(archive: TensorArchive.read(path: arguments[2]))
        let test = try LabelledImages(archive: TensorArchive.read(path: arguments[3]))
        let epochs = arguments.count > 4 ? Int(arguments[4]) ?? 5 : 5
        let seeds = arguments.count > 5 ? UInt64(arguments[5]) ?? 3 : 3
        print("| chosen by |" + removed.map { " \(Int(100 * $0.share)) % removed |" }.joined())
        print("|---|" + removed.map { _ in "---:|" }.joined())
        for method in Method.allCases {
            var row = "| \(method.rawValue) |"
            for target in removed {
                var (before, after): ([Double], [Double]) = ([], [])
                for seed in 0..<seeds {
                    let small = try pruned(network, by: method, ratio: target.ratio, seed: seed, train: train)
                    let batch = 128
                    let lesson = try Distillation(
                        teacher: network, student: small, inputs: [train.images], labels: train.labels,
                        settings: LearningSettings(
                            steps: epochs * train.labels.count / batch, work: 1e15, batch: batch, rate: 1e-2, seed: seed))
                    let (tuned, _) = try lesson.run()
                    before.append(try error(small, test))
                    after.append(try error(tuned, test))
                    FileHandle.standardError.write(
                        Data("\(method.rawValue) \(target.share) seed \(seed): \(before.last!) → \(after.last!)\n".utf8))
                }
                row += " \(text(before)) → \(text(after)) |"
            }
            print(row)
        }
    }

    private static func error(_ network: Network, _ test: LabelledImages) throws -> Double {
        100 * (1 - (try Evaluator(network).accuracy(on: test)).fraction)
    }

    /// Mean, and deviation where there are several.
    private static func text(_ values: [Double]) -> String {
        let mean = values.reduce(0, +) / Double(values.count)
        guard values.count > 1 else { return String(format: "%.2f", mean) }
        let square = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)
        return String(format: "%.2f ± %.2f", mean, square.squareRoot())
    }

    private static func pruned(
        _ network: Network, by method: Method, ratio: Double, seed: UInt64, train: LabelledImages
    ) throws -> Network {
        var settings = PruningSettings(recipe: method == .best ? .best : .paper, budget: .keep(ratio), seed: seed)
        switch method {
        case .paper, .best: break
        case .uniform: (settings.selection, settings.reweighting) = (.uniform, .none)
        case .norms: (settings.selection, settings.reweighting, settings.points) = (.l2, .none, .incoming)
        case .sampling: return try sampled(network, ratio: ratio, seed: seed)
        }
        let plan = try Pruner(network: network, settings: settings).plan(
            calibration: method == .best ? train.images.samples(0..<512) : nil)
        return try plan.apply(to: network)
    }

    /// Both hidden layers by the sampling of Mussay et al., the first one first.
    private static func sampled(_ network: Network, ratio: Double, seed: UInt64) throws -> Network {
        var network = network
        var generator = SeededGenerator(seed: seed)
        var kept: [String: [Int]] = [:]
        for k in 1...2 {
            guard let weight = network.parameters["fc\(k).weight"], let bias = network.parameters["fc\(k).bias"],
                var next = network.parameters["fc\(k + 1).weight"]
            else { throw Failure(expected: "fc1, fc2 and fc3 with biases") }
            let (neurons, inputs, outputs) = (weight.shape[0], weight.shape[1], next.shape[0])
            let probabilities = NeuronSampling.probabilities(
                incoming: (0..<neurons).map { j in
                    weight.values[j * inputs..<(j + 1) * inputs].map(Double.init) + [Double(bias.values[j])]
                },
                outgoing: (0..<neurons).map { j in (0..<outputs).map { Double(next.values[$0 * neurons + j]) } })
            let (own, factors) = NeuronSampling.draw(
                Budget.count(of: neurons, ratio: ratio), probabilities: probabilities, using: &generator)
            for (j, factor) in zip(own, factors) { for o in 0..<outputs { next.values[o * neurons + j] *= Float(factor) } }
            network.parameters["fc\(k + 1).weight"] = next
            kept["fc\(k)"] = own
        }
        return try network.keeping(kept)
    }
}
