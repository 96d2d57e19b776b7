// `prune --report R.html`: warnings first, then sizes, layers, error curves, and the plan's essentials.

import Pruning

enum PruneReportPage {
    /// The page of one run.
    static func html(_ account: PruningReport, plan: PruningPlan) -> String {
        var page = HTMLPage(title: "Pruning report")
        for warning in account.warnings { page.note(warning) }
        page.tiles(tiles(account))
        if let learned = account.learned { page.paragraph(learned.phrase + ".") }
        if let phrase = account.predictionPhrase { page.paragraph(phrase + ".") }
        if account.isRuined { page.note(PruningReport.ruin + ".") }
        page.section("Layers")
        page.charts([(sizes(account), "Channels of every layer before and after")] + curves(account))
        page.table(
            ["layer", "before", "after", "error under the model", "measured error", "proven factor", "seconds"],
            account.layers.map { layer in
                [
                    layer.name, Format.count(layer.before), Format.count(layer.after), layer.relativeErrorModel.map(Format.percent) ?? "–",
                    layer.relativeErrorMeasured.map(Format.percent) ?? "–", layer.provenFactor.map { Format.fixed($0, 2) } ?? "–",
                    Format.fixed(layer.seconds, 2),
                ]
            })
        page.paragraph(
            "Errors are shares of the variance of what the next layer computes\(account.errorBasis.map { ", measured on \($0)" } ?? ""). A dash means that the number was not computed."
        )
        page.section("Guarantees")
        page.definitions(account.layers.map { ($0.name, guarantee($0)) })
        page.section("Plan")
        page.definitions(essentials(account, plan))
        return page.text()
    }

    private static func tiles(_ account: PruningReport) -> [(value: String, caption: String)] {
        func share(_ before: Int, _ after: Int) -> String { Format.percent(Double(after) / Double(max(before, 1))) }
        var tiles = [
            (
                share(account.parametersBefore, account.parametersAfter),
                "of \(Format.count(account.parametersBefore)) parameters kept (\(Format.count(account.parametersAfter)))"
            )
        ]
        if let before = account.macsBefore, let after = account.macsAfter {
            tiles.append((share(before, after), "of \(Format.count(before)) multiply–adds kept (\(Format.count(after)))"))
        }
        tiles.append(
            (
                share(account.neuronsBefore, account.neuronsAfter),
                "of \(Format.count(account.neuronsBefore)) neurons kept (\(Format.count(account.neuronsAfter)))"
            ))
        if let before = account.accuracyBefore, let after = account.accuracyAfter {
            let images = account.evaluationCount.map { ", \(Format.count($0)) images" } ?? ""
            tiles.append(("\(Format.fixed(100 * after, 2)) %", "accuracy after, \(Format.fixed(100 * before, 2)) % before\(images)"))
        }
        return tiles
    }

    private static func sizes(_ account: PruningReport) -> SVG {
        BarChart(
            title: "Channels of every layer", axisLabel: "channels",
            scale: AxisScale(.linear, covering: account.layers.map { Double($0.before) }, includingZero: true),
            legend: [("before", 0, true), ("after", 0, false)],
            rows: account.layers.map { layer in
                BarChart.Row(
                    label: layer.name,
                    bars: [
                        BarChart.Bar(value: Double(layer.before), text: Format.count(layer.before), color: 0, isPale: true),
                        BarChart.Bar(value: Double(layer.after), text: Format.count(layer.after), color: 0),
                    ])
            }
        ).drawing()
    }

    /// Predicted error over the kept share, six layers to a chart.
    private static func curves(_ account: PruningReport) -> [(drawing: SVG, label: String)] {
        let layers = account.layers.filter { ($0.errorCurve?.count ?? 0) > 1 && $0.before > 0 }
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
                yScale: AxisScale(.logarithmic, covering: series.flatMap { $0.points.map(\.y) }.filter { $0 > 1e-9 }), series: series
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

    private static func essentials(_ account: PruningReport, _ plan: PruningPlan) -> [(name: String, value: String)] {
        let settings = plan.settings
        var entries = [
            ("recipe", account.recipePhrase), ("target", "\(SettingFlags.naming(settings.budget.setting)) \(settings.budget.fraction)"),
            ("points", settings.points.rawValue), ("selection", settings.selection.rawValue),
            ("reweighting", settings.reweighting.rawValue),
            ("inputs", account.inputModel), ("seed", "\(account.seed)"), ("network", "fingerprint \(plan.fingerprint)"),
            ("changed tensors", plan.replacements.map(\.parameter).joined(separator: ", ")),
            ("planned in", Format.seconds(account.seconds)), ("work", account.work.phrase),
        ]
        if settings.cutsResidualStreams { entries.append(("residual streams", "may be cut")) }
        for (layer, ratio) in settings.layerRatios.sorted(by: { $0.key < $1.key }) { entries.append(("layer \(layer)", "\(ratio)")) }
        return entries.filter { !$0.1.isEmpty }
    }
}
