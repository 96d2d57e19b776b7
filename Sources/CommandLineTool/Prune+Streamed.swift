// `prune` of models whose weights stay in their files: by weights alone, layer by layer.

import Foundation
import Pruning
import TensorFiles

extension Prune {
    /// What makes no sense without a network that can be evaluated.
    private func checkStreamed(_ streamed: StreamedModel) throws {
        let given: [(String, Bool)] = [
            ("--calibration", files.calibration != nil), ("--evaluate", files.evaluate != nil), ("--plan", files.plan != nil),
            ("--emit-python", running.emitPython != nil), ("--max-drop", search.maxDrop != nil),
            ("--network", network.network != nil), ("--residual-streams", options.limits.residualStreams && streamed.isOfNames),
            ("--learn", options.method.learn.map { $0 > 0 } ?? false),
        ]
        if let flag = given.first(where: \.1)?.0 {
            let remedy = streamed.isFolder ? "" : "; --memory of more than the file reads it into memory"
            throw CommandFailure.usage(
                "expected \(flag) for a network in memory, found weights that stay in their files: \(model)\(remedy)")
        }
    }

    func prune(_ streamed: StreamedModel) throws {
        try checkStreamed(streamed)
        if let output = files.output, !running.dryRun {
            if streamed.isFolder {
                guard !FileSystem.exists(output) else { throw TensorFileError.folderExists(path: output) }
                Interruption.promise(output)
            } else {
                try overwrite.check(output, inputs: [model])
                switch streamed.content {
                case .network(let file):
                    try overwrite.check(inputs: file.inputPaths)
                    try file.checkFormat(of: output)
                case .tensors:
                    guard output.lowercased().hasSuffix(".safetensors") else {
                        throw CommandFailure.usage("expected an output ending in .safetensors like the input, found \(output)")
                    }
                }
            }
        }
        try overwrite.check(files.report, inputs: [model])
        threading.apply()
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
        let prepared = try streamed.prepared(pruning)
        var outcome = StreamedOutcome(
            model: model, parametersBefore: pruning.parametersBefore, parametersAfter: pruning.parametersAfter,
            bytesBefore: streamed.byteCount, bytesAfter: try prepared.byteCount(like: model), layers: pruning.layers,
            configuration: pruning.configuration, recipe: settings.recipe.rawValue, seed: settings.seed,
            chooseSeconds: (chosen - start).seconds)
        if let report = files.report, let format = ReportFormat(path: report) {
            try AtomicFile.write(Array(try outcome.report(format).utf8), to: report, force: overwrite.force)
        }
        // The model last: where it is new, all that belongs to it is.
        if let output = files.output, !running.dryRun {
            let start = clock.now
            try prepared.write(to: output, force: overwrite.force) { bar.update("writing", fraction: 0.5 + 0.5 * $0) }
            outcome.writeSeconds = (clock.now - start).seconds
        }
        bar.clear()
        outcome.peakMemory = ProcessMemory.peak
        if format.json { return try JSONOutput.show(outcome) }
        show(outcome)
    }

    private func show(_ outcome: StreamedOutcome) {
        var layers = ConsoleTable(StreamedOutcome.columns.enumerated().map { ($1, $0 == 0 ? .left : .right) })
        for row in outcome.rows { layers.append(row) }
        layers.show()
        Console.say()
        Console.say(outcome.phrase)
        for change in outcome.changes { Console.say(change) }
        if let seconds = outcome.writeSeconds, let output = files.output {
            Console.say("wrote \(output), \(Format.bytes(outcome.bytesAfter)) in \(Format.seconds(seconds))")
        }
    }
}
