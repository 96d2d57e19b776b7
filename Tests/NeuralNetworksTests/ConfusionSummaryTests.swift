import NeuralNetworks
import Testing

@Suite struct ConfusionSummaryTests {
    @Test func countsByClassAndByMistake() throws {
        // Three classes: rows name 0, 1, 1, 2, 0.
        let logits = ActivationTensor(shape: [5, 3], values: [3, 1, 2, 0, 5, 1, 1, 2, 0, 0, 0, 1, 4, 4, 0])
        let summary = try ConfusionSummary(logits: logits, labels: [0, 1, 0, 0, 1])
        #expect(summary.classes == [.init(label: 0, count: 3, correct: 1), .init(label: 1, count: 2, correct: 1)])
        #expect(
            summary.mistakes == [
                .init(label: 0, predicted: 1, count: 1), .init(label: 0, predicted: 2, count: 1), .init(label: 1, predicted: 0, count: 1),
            ])
        #expect(summary.correctAmongFive == nil)
        #expect(try ConfusionSummary(logits: logits, labels: [0, 1, 0, 0, 1], limit: 1).mistakes.count == 1)
    }

    @Test func theFirstFiveOfMoreClasses() throws {
        let row: [Float] = [9, 8, 7, 6, 5, 5, 4]
        let logits = ActivationTensor(shape: [3, 7], values: row + row + row)
        // Equal logits count by index: class 4 is the fifth, class 5 the sixth.
        #expect(try ConfusionSummary(logits: logits, labels: [4, 5, 0]).correctAmongFive == 2)
        #expect(throws: NetworkError.self) { try ConfusionSummary(logits: logits, labels: [7, 0, 0]) }
    }
}
