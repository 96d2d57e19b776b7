// `loewner verify`: is the smaller network what the plan says, does slicing equal masking, and what did it buy?

import ArgumentParser
import BenchmarkSuite
import Foundation
import LinearAlgebra
import RandomNumbers
import NeuralNetworks
import Pruning

struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check a pruned network against its plan, and measure size and latency.",
        discussion: """
            Compares the pruned network with the original whose removed channels are masked by zeros, on the images of \
            --data or on seeded normal inputs, and times both networks in turns.

            EXAMPLE:
              loewner verify lenet.safetensors small.safetensors --plan plan.json \\
                  --data test.npz
            """)

    @Argument(help: "The network before pruning.", completion: .file())
    var original: String

    @Argument(help: "The network after pruning.", completion: .file())
    var pruned: String

    @Option(help: "The plan that prune --plan wrote.", completion: .file())
    var plan: String

    @Option(help: "Images, with labels if there are any: .npz, or a folder of pictures or .npy files.", completion: .file())
    var data: String?

    @Option(help: "Seed of the inputs when there is no --data.")
    var seed: UInt64 = 0

    @OptionGroup var network: NetworkOptions
    @OptionGroup var images: ImageOptions
    @OptionGroup var threading: ThreadOptions
    @OptionGroup var format: FormatOptions

    private struct Report: Encodable {
        var identical: Bool
        var maximumDifference: Double
        var tolerance: Double
        var verified: Bool
        var inputCount: Int
        /// The node behind which outputs cannot be computed: what it reads is compared in their place.
        var comparedBefore: String?
        var agreementWithOriginal: Double?
        var accuracyBefore: Double?
        var accuracyAfter: Double?
        var parametersBefore: Int
        var parametersAfter: Int
        var macsBefore: Int?
        var macsAfter: Int?
        var bytesBefore: Int
        var bytesAfter: Int
        var secondsBefore: Double
        var secondsAfter: Double
        var speedup: Double
        var speedupLow: Double
        var speedupHigh: Double
        var latencyBatch: Int
        var threads: Int
    }

    func run() throws {
        let threads = threading.apply()
        let bar = ProgressBar(quiet: format.json, "reading")
        let plan = try PlanFile.read(self.plan)
        let (originalFile, prunedFile) = (try network.read(original), try network.read(pruned))
        let labelled = try data.map { try images.read($0, labels: .welcome, for: originalFile) }
        let shapes = labelled?.labelled.inputs.map(\.sampleShape)
        let before = try originalFile.resized(to: shapes)
        // Sizes that neither the data nor the file states are those of the original.
        let known = before.network.inputs.compactMap { before.network.values[$0].shape }
        let after = try prunedFile.resized(to: shapes ?? (known.count == before.network.inputs.count ? known : nil))
        // Beside a NaN every difference is as good as none.
        for model in [before, after] { try model.network.validate() }
        let written = try before.reread(plan.apply(to: before.network))
        let hasSameTensors = written.parameters == after.network.parameters
        let identical = hasSameTensors && written.nodes == after.network.nodes
        // Outputs that cannot be computed are compared where they begin to.
        let (whole, smaller) = (before.network.endingWhereComputable(), after.network.endingWhereComputable())
        let replayed = try plan.apply(to: whole)
        let masked = try plan.masked(whole)
        let inputs = try labelled?.labelled.inputs ?? whole.drawnInputs(seed: seed)

        bar.update("comparing", fraction: 0.2)
        // The cut itself is compared in full precision; that the file holds it is compared tensor by tensor.
        let taps = whole.comparableOutputs
        guard !taps.isEmpty else { throw CommandFailure.failure("expected an output that can be computed, found none") }
        // A file that was written anew may count its values otherwise.
        let others = smaller.comparableOutputs
        guard others.count == taps.count else {
            throw CommandFailure.failure("expected \(taps.count) outputs that can be computed in \(pruned), found \(others.count)")
        }
        let answers = try [(whole, taps), (smaller, others), (masked, taps), (replayed, taps)].map { network, taps in
            try taps.map { try Evaluator(network, observing: [$0]).logits(of: inputs) }
        }
        for (tap, (found, wanted)) in zip(taps, zip(answers[1], answers[2])) where found.values.count != wanted.values.count {
            let name = whole.values[tap].name
            throw CommandFailure.failure("expected \(wanted.sampleSize) values of \(name) from \(pruned), found \(found.sampleSize)")
        }
        let evaluability = before.network.evaluability()
        let obstacle = before.network.outputs.allSatisfy(evaluability.isComputable) ? nil : evaluability.blockingNodes.first
        let outputs = answers.map { $0[0] }
        // Classes and labels are about the first output, where that has scores.
        let namesClasses =
            taps.first == before.network.outputs.first && ClassificationAccuracy.comparesScores(of: outputs[0].sampleShape)
        let largest = answers[2].flatMap(\.values).reduce(0) { $1.isFinite ? max($0, $1.magnitude) : $0 }
        // Infinity differs from all but itself, and no number is like one that is none.
        let difference = zip(answers[3].flatMap(\.values), answers[2].flatMap(\.values)).reduce(Float(0)) { found, pair in
            if pair.0 == pair.1 || (pair.0.isNaN && pair.1.isNaN) { return found }
            let own = (pair.0 - pair.1).magnitude
            return own.isNaN ? .infinity : max(found, own)
        }
        // Sums of some thousand terms in another order, through some layers: a thousand roundings of the largest output.
        let tolerance = 1000 * Double(Float.ulpOfOne) * Double(max(largest, 1))

        bar.update("timing", fraction: 0.6)
        let batch = min(64, inputs[0].batchCount)
        let times = try NetworkLatency.measure(whole, smaller, inputs: inputs.map { $0.samples(0..<batch) })
        bar.clear()
        let labels = namesClasses ? labelled?.labels ?? [] : []
        let accuracies = labels.isEmpty ? nil : try outputs.prefix(2).map { try Evaluator.accuracy(logits: $0, labels: labels).fraction }
        let costs = try [before.network, after.network].map { try $0.inferringShapes().cost }
        let report = Report(
            identical: identical, maximumDifference: Double(difference), tolerance: tolerance,
            verified: identical && Double(difference) <= tolerance, inputCount: inputs[0].batchCount,
            comparedBefore: obstacle?.name, agreementWithOriginal: namesClasses ? outputs[0].classAgreement(with: outputs[1]) : nil,
            accuracyBefore: accuracies?[0],
            accuracyAfter: accuracies?[1],
            parametersBefore: costs[0].parameters, parametersAfter: costs[1].parameters, macsBefore: costs[0].multiplyAdds,
            macsAfter: costs[1].multiplyAdds, bytesBefore: originalFile.byteCount,
            bytesAfter: prunedFile.byteCount,
            secondsBefore: times.before, secondsAfter: times.after, speedup: times.ratio.estimate, speedupLow: times.ratio.low,
            speedupHigh: times.ratio.high, latencyBatch: batch, threads: threads)
        if format.json {
            try JSONOutput.show(report)
        } else {
            if let labelled { Console.say("data: \(labelled.account)") }
            show(report)
        }
        if !report.verified {
            throw CommandFailure.failure(
                identical
                    ? "expected sliced and masked outputs to differ by at most \(Format.number(tolerance)), found \(Format.number(report.maximumDifference))"
                    : "expected \(pruned) to hold exactly what the plan says, found other \(hasSameTensors ? "nodes" : "tensors")")
        }
    }

    private func show(_ report: Report) {
        Console.say(
            report.identical ? Ink.green("the file holds exactly what the plan says") : Ink.red("the file differs from what the plan says"))
        Console.say(
            "sliced against masked, \(report.inputCount) inputs: largest difference \(Format.number(report.maximumDifference)), allowed \(Format.number(report.tolerance))"
        )
        if let node = report.comparedBefore {
            Console.say("outputs behind node \(node) cannot be computed here: what it reads is compared and timed in their place")
        }
        var table = ConsoleTable([("", .left), ("before", .right), ("after", .right), ("", .right)])
        func share(_ before: Int, _ after: Int) -> String { Format.percent(Double(after) / Double(max(before, 1))) }
        table.append([
            "parameters", Format.count(report.parametersBefore), Format.count(report.parametersAfter),
            share(report.parametersBefore, report.parametersAfter),
        ])
        if let before = report.macsBefore, let after = report.macsAfter {
            table.append(["multiply–adds", Format.count(before), Format.count(after), share(before, after)])
        }
        table.append([
            "file", Format.bytes(report.bytesBefore), Format.bytes(report.bytesAfter), share(report.bytesBefore, report.bytesAfter),
        ])
        table.append([
            "time of \(report.latencyBatch) inputs", Format.seconds(report.secondsBefore), Format.seconds(report.secondsAfter),
            "\(Format.fixed(report.speedup, 2))× (\(Format.fixed(report.speedupLow, 2))–\(Format.fixed(report.speedupHigh, 2)))",
        ])
        if let before = report.accuracyBefore, let after = report.accuracyAfter {
            table.append(["accuracy", "\(Format.fixed(100 * before, 2)) %", "\(Format.fixed(100 * after, 2)) %", ""])
        }
        table.show()
        if let agreement = report.agreementWithOriginal {
            Console.say("both networks name the same class on \(Format.percent(agreement)) of the inputs")
        }
    }
}
