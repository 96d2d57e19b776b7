// `prune` of models whose weights stay in their files: by weights alone, layer by layer.

import Foundation
import Pruning
import TensorFiles

extension Prune {
    private struct StreamedOutcome: Encodable {
        let parametersBefore: Int
        let parametersAfter: Int
        let bytesBefore: Int
        let bytesAfter: Int?
        let layers: [StreamedPruning.Layer]
        /// Integers of config.json that are others now.
        let configuration: [String: Int]
        let recipe: String
        let seed: UInt64
        let chooseSeconds: Double
        let writeSeconds: Double?
    }

    /// What makes no sense without a network that can be evaluated.
    private func checkStreamed() throws {
        let given: [(String, Bool)] = [
            ("--calibration", files.calibration != nil), ("--evaluate", files.evaluate != nil), ("--report", files.report != nil),
            ("--plan", files.plan != nil), ("--emit-python", running.emitPython != nil), ("--max-drop", search.maxDrop != nil),
            ("--network", network.network != nil), ("--residual-streams", options.limits.residualStreams),
            ("--learn", options.method.learn.map { $0 > 0 } ?? false),
        ]
        if let flag = given.first(where: \.1)?.0 {
            throw CommandFailure.usage("expected \(flag) for a network in memory, found weights that stay in their files: \(model)")
        }
    }

    func prune(_ streamed: StreamedModel) throws {
        try checkStreamed()
        if let output = files.output, !running.dryRun {
            if streamed.store.isFolder {
                guard !FileSystem.exists(output) else { throw TensorFileError.folderExists(path: output) }
                Interruption.promise(output)
            } else {
                try overwrite.check(output, inputs: [model])
                guard output.lowercased().hasSuffix(".safetensors") else {
                    throw CommandFailure.usage("expected an output ending in .safetensors like the input, found \(output)")
                }
            }
        }
        let bar = ProgressBar(quiet: format.json)
        let clock = ContinuousClock()
        let start = clock.now
        let settings = options.settings(size.budget, images: images)
        let pruning = try streamed.pruning(settings) { progress in
            if case .ranking(let group) = progress.phase {
                bar.update(group, fraction: 0.5 * Double(progress.completed) / Double(progress.total))
            }
            return true
        }
        let chosen = clock.now
        let bytes = try files.output.flatMap { output in
            running.dryRun
                ? nil
                : try streamed.write(pruning, to: output, force: overwrite.force) { bar.update("writing", fraction: 0.5 + 0.5 * $0) }
        }
        let written = clock.now
        bar.clear()
        let outcome = StreamedOutcome(
            parametersBefore: pruning.parametersBefore, parametersAfter: pruning.parametersAfter, bytesBefore: streamed.store.byteCount,
            bytesAfter: bytes, layers: pruning.layers, configuration: pruning.configuration, recipe: settings.recipe.rawValue,
            seed: settings.seed, chooseSeconds: (chosen - start).seconds, writeSeconds: bytes.map { _ in (written - chosen).seconds })
        if format.json { return try JSONOutput.show(outcome) }
        show(outcome)
    }

    private func show(_ outcome: StreamedOutcome) {
        var layers = ConsoleTable([
            ("layer", .left), ("before", .right), ("after", .right), ("proven factor", .right), ("energy", .right), ("time", .right),
        ])
        for layer in outcome.layers {
            layers.append([
                layer.name, Format.count(layer.before), Format.count(layer.after), layer.provenFactor.map { Format.fixed($0, 1) } ?? "none",
                layer.retainedEnergy.map(Format.percent) ?? "–", Format.seconds(layer.seconds),
            ])
        }
        layers.show()
        Console.say()
        Console.say(
            "\(Format.count(outcome.parametersBefore)) → \(Format.count(outcome.parametersAfter)) parameters, \(Format.percent(Double(outcome.parametersAfter) / Double(max(1, outcome.parametersBefore)))); chosen by weights alone in \(Format.seconds(outcome.chooseSeconds)), recipe \(outcome.recipe), seed \(outcome.seed)"
        )
        for (key, value) in outcome.configuration.sorted(by: { $0.key < $1.key }) { Console.say("config.json: \(key) is \(value) now") }
        if let bytes = outcome.bytesAfter, let output = files.output {
            Console.say("wrote \(output), \(Format.bytes(bytes)) in \(Format.seconds(outcome.writeSeconds ?? 0))")
        }
    }
}
