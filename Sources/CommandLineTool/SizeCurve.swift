// What `loewner curve` measured: one row per size, as a table, as CSV and as JSON.

/// A network and its smaller versions.
struct SizeCurve: Encodable {
    /// One size.
    struct Point: Encodable {
        /// The share that was asked for.
        let share: Double
        let parameters: Int
        let macs: Int?
        /// Of the file.
        let bytes: Int
        /// On labelled inputs: 0…1.
        let accuracy: Double?
        /// Share of these that both networks answer alike, whatever the label.
        let agreement: Double?
        /// The same predicted without labels.
        let predictedAgreement: Double?
        /// Of one batch.
        let seconds: Double
        /// Of one batch of the original, timed in turns with this size.
        let secondsBefore: Double
        let speedup: Double
        let speedupLow: Double
        let speedupHigh: Double
    }

    let model: String
    /// What the shares are shares of.
    let budget: String
    // The original's.
    let parameters: Int
    let macs: Int?
    let bytes: Int
    let accuracy: Double?
    let evaluationCount: Int?
    let latencyBatch: Int
    let threads: Int
    /// What predicted agreements were counted on.
    var predictionBasis: String?
    /// Largest first.
    var points: [Point] = []
    /// Shares that no choice of channels reaches.
    var unreachable: [Double] = []

    /// One line per size under a line of names; nothing between two commas where a number is not known.
    var commaSeparated: String {
        let names = [
            "share", "parameters", "macs", "bytes", "accuracy", "agreement", "predictedAgreement", "seconds", "secondsBefore", "speedup",
            "speedupLow", "speedupHigh",
        ]
        let rows = points.map { point in
            let cells: [String?] = [
                "\(point.share)", "\(point.parameters)", point.macs.map(String.init), "\(point.bytes)", point.accuracy.map { "\($0)" },
                point.agreement.map { "\($0)" }, point.predictedAgreement.map { "\($0)" }, "\(point.seconds)", "\(point.secondsBefore)",
                "\(point.speedup)", "\(point.speedupLow)", "\(point.speedupHigh)",
            ]
            return cells.map { $0 ?? "" }.joined(separator: ",")
        }
        return ([names.joined(separator: ",")] + rows).joined(separator: "\n") + "\n"
    }

    /// Header and rows of the table for people, the original first.
    var table: (header: [String], rows: [[String]]) {
        func percent(_ share: Double?) -> String { share.map(Format.percent) ?? "–" }
        let original = [
            "whole", Format.count(parameters), macs.map(Format.count) ?? "–", Format.bytes(bytes), percent(accuracy), "–", "–",
            points.first.map { Format.seconds($0.secondsBefore) } ?? "–", "1.00×",
        ]
        let rows = points.map { point in
            [
                Format.number(point.share), Format.count(point.parameters), point.macs.map(Format.count) ?? "–", Format.bytes(point.bytes),
                percent(point.accuracy), percent(point.agreement), percent(point.predictedAgreement), Format.seconds(point.seconds),
                "\(Format.fixed(point.speedup, 2))×",
            ]
        }
        let header = [
            "--\(budget)", "parameters", "multiply–adds", "file", "accuracy", "same class", "predicted", "time of \(latencyBatch)",
            "speedup",
        ]
        return (header, [original] + rows)
    }

    /// The table on the terminal, without columns that hold nothing.
    func show() {
        let (header, rows) = table
        let columns = header.indices.filter { column in rows.contains { $0[column] != "–" } }
        var shown = ConsoleTable(columns.map { (header[$0], $0 == 0 ? .left : .right) })
        for row in rows { shown.append(columns.map { row[$0] }) }
        shown.show()
        if let basis = predictionPhrase { Console.say(basis) }
    }

    /// What the column of predictions is worth, in words.
    var predictionPhrase: String? {
        switch predictionBasis {
        case "held-out": "predicted: share of given inputs that both networks put into the same class"
        case "batch-norm": "predicted: the same class, estimated on images that the batch normalizations recognize"
        case "lower-bound": "predicted: the same class on at least this share of inputs"
        default: nil
        }
    }
}
