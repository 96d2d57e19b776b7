// The report as Markdown: what a person reads first comes first.

extension PruningReport {
    /// Markdown text: warnings, sizes, accuracy, then one row per layer and the guarantees behind it.
    public var markdown: String {
        var text = "# Pruning report\n\n"
        for warning in warnings { text += "> **Note:** \(warning)\n\n" }
        text += "Recipe `\(recipe)`, seed \(seed). Inputs: \(inputModel).\n\n"
        text += "| | before | after | kept |\n|---|---:|---:|---:|\n"
        text += PruningReport.row("parameters", parametersBefore, parametersAfter)
        if let macsBefore, let macsAfter { text += PruningReport.row("multiply–adds per input", macsBefore, macsAfter) }
        text += PruningReport.row("neurons and channels in prunable layers", neuronsBefore, neuronsAfter)
        if let before = accuracyBefore, let after = accuracyAfter {
            let images = evaluationCount.map { " (\($0) images)" } ?? ""
            text += "| accuracy\(images) | \(PruningReport.percent(before)) | \(PruningReport.percent(after)) | "
            text += "\(PruningReport.fixed(100 * (after - before), 2)) points |\n"
        }
        text += "\n"
        if let predictedAgreement {
            text +=
                "Predicted without labels: the pruned network names the same class on \(PruningReport.percent(predictedAgreement)) of \(agreementBasis).\n\n"
        }
        text += "## Layers\n\n"
        text += "| layer | before | after | method | error under the model | measured error | proven factor | seconds |\n"
        text += "|---|---:|---:|---|---:|---:|---:|---:|\n"
        for layer in layers {
            text += "| \(layer.name) | \(layer.before) | \(layer.after) | \(layer.method) | "
            text += "\(PruningReport.percent(layer.relativeErrorModel)) | \(PruningReport.percent(layer.relativeErrorMeasured)) | "
            text += "\(layer.provenFactor.map { PruningReport.fixed($0, 2) } ?? "none") | \(PruningReport.fixed(layer.seconds, 2)) |\n"
        }
        text +=
            "\nErrors are shares of the variance of what the next layer computes\(errorBasis.map { ", measured on \($0)" } ?? ""). A dash means that the number was not computed.\n\n"
        text += "## Guarantees\n\n"
        for layer in layers { text += "* **\(layer.name)**: \(PruningReport.guarantee(layer))\n" }
        text += "\nPlanned in \(PruningReport.fixed(seconds, 2)) s.\n"
        return text
    }

    private static func guarantee(_ layer: LayerOutcome) -> String {
        var parts: [String] = []
        let points =
            "channels as `\(layer.representation ?? "?")` points of rank \(layer.rank.map(String.init) ?? "?")"
            + (layer.retainedEnergy.map { " (\(percent($0)) of the energy)" } ?? "")
        if layer.after == layer.before {
            parts.append("kept whole, nothing to prove")
        } else if let factor = layer.provenFactor {
            parts.append(
                "for every direction x, the largest response |pᵀx| of all \(layer.before) channels is at most \(fixed(factor, 2)) times that of the \(layer.after) kept ones; \(points)"
            )
        } else {
            parts.append("no ℓ∞ factor: \(layer.provenFactorAbsence ?? "not computed"); \(points)")
        }
        if let total = layer.totalSensitivity, let peels = layer.peels {
            parts.append(
                "total sensitivity \(fixed(total, 2)) from \(peels) peels"
                    + (layer.cappedSensitivity.map { " (\(fixed($0, 2)) with every sensitivity capped at 1)" } ?? ""))
        }
        if let statement = layer.samplingStatement { parts.append(statement) }
        return parts.joined(separator: "; ")
    }

    private static func row(_ name: String, _ before: Int, _ after: Int) -> String {
        let share = before > 0 ? percent(Double(after) / Double(before)) : "–"
        return "| \(name) | \(grouped(before)) | \(grouped(after)) | \(share) |\n"
    }

    /// 1234567 → 1 234 567.
    static func grouped(_ value: Int) -> String {
        var digits = ""
        for (k, digit) in String(value.magnitude).reversed().enumerated() {
            if k > 0, k % 3 == 0 { digits.append("\u{2009}") }
            digits.append(digit)
        }
        return (value < 0 ? "-" : "") + String(digits.reversed())
    }

    /// A share as a percentage with two decimals (three significant digits below 0.1 %).
    static func percent(_ value: Double?) -> String {
        guard let value else { return "–" }
        return fixed(100 * value, 100 * value.magnitude < 0.1 && value != 0 ? 4 : 2) + " %"
    }

    /// A number with so many decimals, rounded half away from zero; scientific beyond 10¹².
    static func fixed(_ value: Double, _ decimals: Int) -> String {
        guard value.isFinite, value.magnitude < 1e12 else { return "\(value)" }
        var unit = 1
        for _ in 0..<decimals { unit *= 10 }
        let scaled = Int((value.magnitude * Double(unit)).rounded())
        let fraction = String(scaled % unit)
        let sign = value < 0 && scaled > 0 ? "-" : ""
        if decimals == 0 { return sign + String(scaled) }
        return sign + "\(scaled / unit)." + String(repeating: "0", count: decimals - fraction.count) + fraction
    }
}
