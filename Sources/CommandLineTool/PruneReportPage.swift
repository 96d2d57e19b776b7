// `prune --report R.html`: warnings first, then sizes, layers, error curves, and the plan's essentials.

import Pruning

enum PruneReportPage {
    /// The page of one run.
    static func html(_ account: PruningReport, plan: PruningPlan, record: PruneRecord) -> String {
        var page = HTMLPage(title: "Pruning report: \(PathText.name(record.model))")
        page.byline("\(record.date) · loewner \(record.version) · planned in \(Format.seconds(account.seconds))")
        page.command(record.command)
        for warning in account.warnings { page.note(warning) }
        if account.isRuined { page.note(PruningReport.ruin + ".", isBad: true) }
        page.tiles(tiles(account, record))
        if let learned = account.learned { page.paragraph(sentence(learned.phrase)) }
        if let phrase = account.predictionPhrase { page.paragraph(sentence(phrase)) }
        next(record, &page)
        page.section("Layers")
        page.paragraph(
            "A layer's channels are what it computes: its filters, neurons or features. Fewer of them make this layer smaller and every layer that reads it. Errors are shares of the variance of what the next layer computes\(account.errorBasis.map { ", measured on \($0)" } ?? ""): 1 % is hardly seen, 100 % is no better than a constant. A dash means that the number was not computed."
        )
        let isShort = account.layers.count <= 16
        if isShort { page.charts([(sizes(account), "Channels of every layer before and after")] + curves(account)) }
        page.table(
            ["layer", "before", "after", "kept", "error under the model", "measured error", "proven factor", "time"],
            account.layers.map { layer in
                [
                    layer.name, Format.count(layer.before), Format.count(layer.after), Format.percent(share(layer)),
                    layer.relativeErrorModel.map(Format.percent) ?? "–", layer.relativeErrorMeasured.map(Format.percent) ?? "–",
                    layer.provenFactor.map { Format.fixed($0, 2) } ?? "–", Format.seconds(layer.seconds),
                ]
            })
        if !isShort {
            page.beginDetails("Charts of all \(account.layers.count) layers")
            page.charts([(sizes(account), "Channels of every layer before and after")] + curves(account))
            page.endDetails()
        }
        costs(record, &page)
        page.section("The network")
        page.paragraph(
            "From the input at the top to the output at the bottom. Where something was cut, arrows say how many channels there were and are; a frame stands for so many blocks of the same kind in a row. Details on hovering."
        )
        page.graph(record.drawing)
        page.section("Guarantees")
        page.paragraph(
            "The factor is proven, not measured: however a vector of inputs looks, no cut channel answers it more than so many times as strongly as the strongest kept one."
        )
        if account.layers.count > 16 { page.beginDetails("Guarantees of all \(account.layers.count) layers") }
        page.definitions(account.layers.map { ($0.name, guarantee($0)) })
        if account.layers.count > 16 { page.endDetails() }
        page.section("Plan")
        page.definitions(essentials(account, plan))
        return page.text()
    }

    private static func sentence(_ phrase: String) -> String { phrase.prefix(1).uppercased() + phrase.dropFirst() + "." }

    /// Where the work and the numbers of the network are, layer by layer.
    private static func costs(_ record: PruneRecord, _ page: inout HTMLPage) {
        page.section("Costs of every layer")
        page.paragraph(
            "A multiply–add is one product and one sum: their count for one input says how much there is to compute, whatever the machine. Parameters are the numbers in the file. Layers with no work and few numbers are left out."
        )
        func share(_ before: Int, _ after: Int) -> String { before > 0 ? Format.percent(Double(after) / Double(before)) : "–" }
        page.table(
            ["layer", "operation", "multiply–adds before", "after", "kept", "parameters before", "after", "kept"],
            record.layers.map { layer in
                [
                    layer.name, layer.operation, layer.macs.map { Format.count($0.before) } ?? "–",
                    layer.macs.map { Format.count($0.after) } ?? "–", layer.macs.map { share($0.before, $0.after) } ?? "–",
                    Format.count(layer.parameters.before), Format.count(layer.parameters.after),
                    share(layer.parameters.before, layer.parameters.after),
                ]
            }, numericFrom: 2)
    }

    /// Commands on the files of this run.
    private static func next(_ record: PruneRecord, _ page: inout HTMLPage) {
        page.section("What to do next")
        let small = record.output ?? "SMALLER"
        func command(_ words: [String]) { page.command(ShellText.line(["loewner"] + words + record.reading)) }
        if record.output == nil { page.paragraph("This was a dry run: -o in the place of --dry-run writes the network.") }
        page.paragraph(
            record.evaluation == nil
                ? "Count right answers on labelled data:" : "Count right answers again, or on other labelled data:")
        command(["evaluate", small, "--data", record.evaluation ?? "LABELLED.npz"])
        page.paragraph(
            "Make up for what was lost. Without labels the smaller network learns from the original, with them it is fine-tuned:")
        let tuned = PathText.renamed(small, suffix: "-tuned")
        command(["learn", small, "--teacher", record.model, "--calibration", record.calibration ?? "IMAGES.npz", "-o", tuned])
        command(["learn", small, "--teacher", record.model, "--data", "TRAIN.npz", "--labels", "-o", tuned])
        if let plan = record.plan {
            page.paragraph("Repeat exactly this cut, and check a file against it:")
            page.command(
                ShellText.line(["loewner", "apply", plan, record.model, "-o", PathText.renamed(small, suffix: "-again")] + record.network))
            command(["verify", record.model, small, "--plan", plan])
        } else {
            page.paragraph("With --plan PLAN.json a run can be repeated exactly by loewner apply, and its file checked by loewner verify.")
        }
        page.paragraph("See how answers, file and time change with the size:")
        let inputs = record.calibration.map { ["--calibration", $0] } ?? []
        command(["curve", record.model, "--evaluate", record.evaluation ?? "LABELLED.npz"] + inputs + ["--report", "curve.html"])
    }

    private static func tiles(_ account: PruningReport, _ record: PruneRecord) -> [HTMLPage.Tile] {
        func share(_ before: Int, _ after: Int) -> String { Format.percent(Double(after) / Double(max(before, 1))) }
        var tiles: [HTMLPage.Tile] = []
        if let before = account.accuracyBefore, let after = account.accuracyAfter {
            let images = account.evaluationCount.map { " of \(Format.count($0)) images" } ?? ""
            tiles.append(
                .init(
                    value: "\(Format.fixed(100 * after, 2)) %",
                    caption: "right answers\(images), \(Format.fixed(100 * before, 2)) % before",
                    meaning: "The best class of the network is the label's. Counted, not predicted."))
        }
        tiles.append(
            .init(
                value: Format.bytes(record.bytes.after), caption: "file, \(Format.bytes(record.bytes.before)) before",
                meaning: "What is stored and sent: \(share(record.bytes.before, record.bytes.after)) of the original."))
        if let latency = record.latency {
            tiles.append(
                .init(
                    value: (latency.low...max(latency.low, latency.high)).contains(1)
                        ? "about as fast" : "\(Format.fixed(latency.speedup, 2))× as fast",
                    caption: "one input in \(Format.seconds(latency.after)), \(Format.seconds(latency.before)) before",
                    meaning:
                        "Both timed here in turns, \(latency.threads) thread\(latency.threads == 1 ? "" : "s"); the ratio is between \(Format.fixed(latency.low, 2)) and \(Format.fixed(latency.high, 2)). Another program or machine gives another one."
                ))
        }
        if let before = account.macsBefore, let after = account.macsAfter {
            tiles.append(
                .init(
                    value: share(before, after), caption: "of \(Format.count(before)) multiply–adds kept (\(Format.count(after)))",
                    meaning: "The work for one input, on any machine."))
        }
        tiles.append(
            .init(
                value: share(account.parametersBefore, account.parametersAfter),
                caption: "of \(Format.count(account.parametersBefore)) parameters kept (\(Format.count(account.parametersAfter)))",
                meaning: "The numbers that training made: they fill the file and the memory."))
        tiles.append(
            .init(
                value: share(account.neuronsBefore, account.neuronsAfter),
                caption: "of \(Format.count(account.neuronsBefore)) channels kept (\(Format.count(account.neuronsAfter)))",
                meaning:
                    "Neurons and filters in the layers that may be cut. Costs fall faster than their count: every channel is also an input of the next layer."
            ))
        if let agreement = account.measuredAgreement {
            tiles.append(
                .init(
                    value: Format.percent(agreement), caption: "of the images in the same class as before",
                    meaning: "How often both networks give the same answer, right or wrong."))
        }
        return tiles
    }

    /// Widths beside each other say nothing where some are dozens of times as large as others, such as heads and neurons.
    private static let comparableWidths = 30

    private static func sizes(_ account: PruningReport) -> SVG {
        let widths = account.layers.map(\.before)
        let isRelative = (widths.max() ?? 0) > comparableWidths * max(1, widths.min() ?? 0)
        func length(_ count: Int, _ layer: LayerReport) -> Double {
            isRelative ? 100 * Double(count) / Double(max(1, layer.before)) : Double(count)
        }
        return BarChart(
            title: "Channels of every layer", axisLabel: isRelative ? "channels, % of the layer's own" : "channels",
            scale: isRelative
                ? AxisScale(from: 0, to: 100, step: 25) : AxisScale(.linear, covering: widths.map(Double.init), includingZero: true),
            legend: [("before", 0, true), ("after", 0, false)],
            rows: account.layers.map { layer in
                BarChart.Row(
                    label: layer.name,
                    bars: [
                        BarChart.Bar(value: length(layer.before, layer), text: Format.count(layer.before), color: 0, isPale: true),
                        BarChart.Bar(value: length(layer.after, layer), text: Format.count(layer.after), color: 0),
                    ])
            }
        ).drawing()
    }

    /// Predicted error over the kept share, six layers to a chart.
    private static func curves(_ account: PruningReport) -> [(drawing: SVG, label: String)] {
        let layers = account.layers.filter { ($0.errorCurve?.count ?? 0) > 1 && $0.before > 0 }
        // One scale for all charts.
        let errors = layers.flatMap { ($0.errorCurve ?? []).map(\.error) }.filter { $0 > 1e-9 }
        return stride(from: 0, to: layers.count, by: ChartStyle.seriesCount).map { start in
            let group = layers[start..<min(start + ChartStyle.seriesCount, layers.count)]
            var series: [XYChart.Series] = []
            for (color, layer) in group.enumerated() {
                let points = (layer.errorCurve ?? []).filter { $0.error > 0 }.sorted { $0.kept < $1.kept }
                    .map { (x: Double($0.kept) / Double(layer.before), y: $0.error) }
                series.append(XYChart.Series(name: layer.name, points: points, mark: .line, color: color))
                if let chosen = points.min(by: { abs($0.x - share(layer)) < abs($1.x - share(layer)) }) {
                    series.append(
                        XYChart.Series(
                            name: "chosen", points: [chosen], mark: .points, color: color, inLegend: false,
                            titles: ["\(layer.name): \(layer.after) of \(layer.before) kept, predicted error \(Format.percent(chosen.y))"]))
                }
            }
            let drawing = XYChart(
                title: "Predicted error when one layer alone is cut (dots: chosen)", xLabel: "kept share of the channels",
                yLabel: "error / variance", xScale: AxisScale(from: 0, to: 1, step: 0.2),
                yScale: AxisScale(.logarithmic, covering: errors), series: series
            ).drawing()
            return (drawing, "Predicted error over the kept share of the channels")
        }
    }

    private static func share(_ layer: LayerReport) -> Double { Double(layer.after) / Double(max(layer.before, 1)) }

    private static func guarantee(_ layer: LayerReport) -> String {
        if layer.after == layer.before { return "kept whole, nothing to prove" }
        var parts: [String] = []
        if let factor = layer.provenFactor {
            parts.append(
                "max |pᵀx| over all \(layer.before) channels is at most \(Format.fixed(factor, 2)) times the max over the \(layer.after) kept ones, for every x"
            )
        } else {
            parts.append("no proven factor: \(layer.provenFactorAbsence ?? "not computed")")
        }
        parts.append(
            "channels as \(layer.representation) points of rank \(layer.rank), \(Format.percent(layer.retainedEnergy)) of the energy")
        if let total = layer.totalSensitivity, let peels = layer.peels {
            parts.append("total sensitivity \(Format.number(total)) from \(peels) peels")
        }
        if let statement = layer.samplingStatement { parts.append(statement) }
        return parts.joined(separator: "; ")
    }

    private static func changed(_ names: [String]) -> String {
        names.count <= 12
            ? names.joined(separator: ", ") : names.prefix(8).joined(separator: ", ") + " and \(names.count - 8) more, listed in the plan"
    }

    private static func essentials(_ account: PruningReport, _ plan: PruningPlan) -> [(name: String, value: String)] {
        let settings = plan.settings
        var entries = [
            ("recipe", account.recipePhrase), ("target", "\(SettingFlags.naming(settings.budget.setting)) \(settings.budget.fraction)"),
            ("points", settings.points.rawValue), ("selection", settings.selection.rawValue),
            ("reweighting", settings.reweighting.rawValue),
            ("inputs", account.inputModel), ("seed", "\(account.seed)"), ("network", "fingerprint \(plan.fingerprint)"),
            ("changed tensors", changed(plan.replacements.map(\.parameter))),
            ("work", account.work.phrase),
        ]
        if settings.cutsResidualStreams { entries.append(("residual streams", "may be cut")) }
        for (layer, ratio) in settings.layerRatios.sorted(by: { $0.key < $1.key }) { entries.append(("layer \(layer)", "\(ratio)")) }
        return entries.filter { !$0.1.isEmpty }
    }
}
