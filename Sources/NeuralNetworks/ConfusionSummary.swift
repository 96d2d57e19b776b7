// What a classifier takes for what.

/// Right answers by class, the most frequent mistakes, and how often the label is among the first answers.
public struct ConfusionSummary: Sendable, Equatable, Codable {
    /// One class among the labels.
    public struct Class: Sendable, Equatable, Codable {
        /// The class, from 0.
        public var label: Int
        /// Samples with this label, and those of them that were named so.
        public var count: Int
        /// How many of them were named so.
        public var correct: Int

        package init(label: Int, count: Int, correct: Int) { (self.label, self.count, self.correct) = (label, count, correct) }
    }

    /// Samples of one label that were taken for another.
    public struct Mistake: Sendable, Equatable, Codable {
        /// The class on the label, from 0.
        public var label: Int
        /// The class with the largest logit.
        public var predicted: Int
        /// Samples of which that is so.
        public var count: Int

        package init(label: Int, predicted: Int, count: Int) {
            (self.label, self.predicted, self.count) = (label, predicted, count)
        }
    }

    /// Classes that occur among the labels, ascending.
    public var classes: [Class]
    /// The most frequent mistakes, most frequent first; the lowest label, then the lowest prediction first among equals.
    public var mistakes: [Mistake]
    /// Samples whose label has at most four larger logits; nil for fewer than six classes, where it says nothing.
    public var correctAmongFive: Int?

    /// Compares logits (N, classes) with labels; of equal logits the lowest index comes first.
    ///
    /// - Parameter limit: most mistakes listed.
    /// - Throws: `invalidData` when labels and logits do not fit, as ``Evaluator/accuracy(logits:labels:)``.
    /// - Complexity: O(N·classes).
    public init(logits: ActivationTensor, labels: [Int], limit: Int = 20) throws(NetworkError) {
        _ = try Evaluator.accuracy(logits: logits, labels: labels)
        let width = logits.sampleSize
        var byClass: [Int: Class] = [:]
        var counts: [[Int]: Int] = [:]
        var amongFive = 0
        for (row, label) in labels.enumerated() {
            let values = logits.values[row * width..<(row + 1) * width]
            let own = values[values.startIndex + label]
            var best = 0
            var larger = 0
            for (k, value) in values.enumerated() {
                if value > values[values.startIndex + best] { best = k }
                if value > own || value == own && k < label { larger += 1 }
            }
            if larger < 5 { amongFive += 1 }
            byClass[label, default: Class(label: label, count: 0, correct: 0)].count += 1
            if best == label { byClass[label]?.correct += 1 } else { counts[[label, best], default: 0] += 1 }
        }
        classes = byClass.values.sorted { $0.label < $1.label }
        mistakes = counts.map { Mistake(label: $0.key[0], predicted: $0.key[1], count: $0.value) }
            .sorted { (-$0.count, $0.label, $0.predicted) < (-$1.count, $1.label, $1.predicted) }
        mistakes = Array(mistakes.prefix(limit))
        correctAmongFive = width > 5 ? amongFive : nil
    }
}
