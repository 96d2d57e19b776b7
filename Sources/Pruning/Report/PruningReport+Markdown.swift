// The report as Markdown: what a person reads first comes first.

extension PruningReport {
    /// The report as GitHub-flavored Markdown: warnings, sizes, accuracy, then one row per layer and the guarantees behind it.
    public var markdown: String { markdown() }

    /// The same with what only the caller knows.
    ///
    /// - Parameters:
    ///   - origin: lines below the title: model, date, command.
    ///   - further: rows of the table of sizes: what is measured, before, after, and the share or ratio of the two.
    public func markdown(origin: [String] = [], further: [(name: String, before: String, after: String, kept: String)] = []) -> String {
        var text = "# Pruning report\n\n"
        for line in origin { text += "\(line)\n\n" }
        for warning in warnings { text += "> **Note:** \(warning)\n\n" }
        text += "Recipe \(recipePhrase), seed \(seed). Inputs: \(inputModel).\n\n"
        text += "| | before | after | kept |\n|---|---:|---:|---:|\n"
        text += PruningReport.row("parameters", parametersBefore, parametersAfter)
        if let macsBefore, let macsAfter { text += PruningReport.row("multiply–adds per input", macsBefore, macsAfter) }
        text += PruningReport.row("neurons and channels in prunable layers", neuronsBefore, neuronsAfter)
        if let before = accuracyBefore, let after = accuracyAfter {
            let images = evaluationCount.map { " (\($0) images)" } ?? ""
            text += "| accuracy\(images) | \(Decimal.percent(before)) | \(Decimal.percent(after)) | "
            text += "\(Decimal.fixed(100 * (after - before), 2)) points |\n"
        }
        for row in further { text += "| \(row.name.markdownCell) | \(row.before) | \(row.after) | \(row.kept) |\n" }
        text += "\n"
        if let learned { text += "\(learned.phrase).\n\n" }
        if let predictionPhrase { text += "\(predictionPhrase).\n\n" }
        if isRuined { text += "**\(PruningReport.ruin).**\n\n" }
        text += "## Layers\n\n"
        text += "| layer | before | after | method | error under the model | measured error | proven factor | seconds |\n"
        text += "|---|---:|---:|---|---:|---:|---:|---:|\n"
        for layer in layers {
            text += "| \(layer.name.markdownCell) | \(layer.before) | \(layer.after) | \(layer.method) | "
            text += "\(Decimal.percent(layer.relativeErrorModel)) | \(Decimal.percent(layer.relativeErrorMeasured)) | "
            text += "\(layer.provenFactor.map { Decimal.fixed($0, 2) } ?? "none") | \(Decimal.fixed(layer.seconds, 2)) |\n"
        }
        text +=
            "\nErrors are shares of the variance of what the next layer computes\(errorBasis.map { ", measured on \($0)" } ?? ""). A dash means that the number was not computed.\n\n"
        text += "## Guarantees\n\n"
        for layer in layers { text += "* **\(layer.name)**: \(PruningReport.guarantee(layer))\n" }
        text += "\nPlanned in \(Decimal.fixed(seconds, 2)) s: \(work.phrase).\n"
        return text
    }

    /// What is to be said when ``isRuined``.
    public static let ruin =
        "The pruned network does not answer as the original does: classes agree on less than half of the inputs (beyond chance), or an output is off by more than half of its deviation"

    private static func guarantee(_ layer: LayerReport) -> String {
        var parts: [String] = []
        let points =
            "channels as `\(layer.representation)` points of rank \(layer.rank) (\(Decimal.percent(layer.retainedEnergy)) of the energy)"
        if layer.after == layer.before {
            parts.append("kept whole, nothing to prove")
        } else if let factor = layer.provenFactor {
            parts.append(
                "for every direction x, the largest response |pᵀx| of all \(layer.before) channels is at most \(Decimal.fixed(factor, 2)) times that of the \(layer.after) kept ones; \(points)"
            )
        } else {
            parts.append("no ℓ∞ factor: \(layer.provenFactorAbsence ?? "not computed"); \(points)")
        }
        if let total = layer.totalSensitivity, let peels = layer.peels {
            parts.append(
                "total sensitivity \(Decimal.fixed(total, 2)) from \(peels) peels"
                    + (layer.cappedSensitivity.map { " (\(Decimal.fixed($0, 2)) with every sensitivity capped at 1)" } ?? ""))
        }
        if let statement = layer.samplingStatement { parts.append(statement) }
        return parts.joined(separator: "; ")
    }

    private static func row(_ name: String, _ before: Int, _ after: Int) -> String {
        let share = before > 0 ? Decimal.percent(Double(after) / Double(before)) : "–"
        return "| \(name) | \(Decimal.grouped(before)) | \(Decimal.grouped(after)) | \(share) |\n"
    }
}
