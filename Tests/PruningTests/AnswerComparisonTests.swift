// Networks compared by their answers, and images by what a network's answers say about them.

import NeuralNetworks
import TestSupport
import Testing

import Pruning

@Suite struct AnswerComparisonTests {
    /// One linear layer with the given weights, rows of outputs.
    private static func linear(_ rows: [[Float]]) throws -> Network {
        var network = Network.perceptron([rows[0].count, rows.count])
        let weight = try #require(network.parameters.keys.first { network.parameters[$0]?.shape.count == 2 })
        for name in network.parameters.keys where name != weight {
            let count = network.parameters[name]?.values.count ?? 0
            network.parameters[name]?.values = [Float](repeating: 0, count: count)
        }
        network.parameters[weight]?.values = rows.flatMap(\.self)
        return try network.inferringShapes()
    }

    @Test func aNetworkAgreesWithItself() throws {
        let network = try Network.perceptron([6, 10, 3]).inferringShapes()
        let comparison = try AnswerComparison(network, network, on: .random([40, 6], seed: 1))
        #expect(comparison.agreement?.share == 1 && comparison.agreement?.error == 0)
        for weighsByMargin in [false, true] {
            let found = try #require(comparison.agreement(withErrorsOf: comparison, weighsByMargin: weighsByMargin))
            // Eighty inputs without a change do not prove that there is none.
            #expect(found.share == 1 && found.error == 1 / 80)
        }
        #expect(comparison.relativeErrors.map(\.relativeError) == [0] && comparison.count == 40)
    }

    @Test func agreementOfNetworksThatHardlyNameASecondClassIsWorthWhatItHasBeyondChance() throws {
        let network = try Self.linear([[1, 0], [0, 1]])
        let constant = try Self.linear([[1, 1], [0, 0]])
        let inputs = ActivationTensor(shape: [4, 2], values: [2, 1, 1, 2, 3, 1, 1, 3])
        let half = try AnswerComparison(network, constant, on: inputs)
        #expect(half.agreement?.share == 0.5 && half.agreementBeyondChance?.share == 0)
        let same = try AnswerComparison(network, network, on: inputs)
        #expect(same.agreementBeyondChance?.share == 1)
        let one = try AnswerComparison(constant, constant, on: inputs)
        #expect(one.agreement?.share == 1 && one.agreementBeyondChance == nil)
        // (1, 2) is turned over, (1, 3) is not: e = ½·¾ + ½·¼, κ = (¾ − ½)/½.
        let weak = try Self.linear([[1, 0], [0, 0.4]])
        let turned = try AnswerComparison(network, weak, on: ActivationTensor(shape: [4, 2], values: [2, 1, 1, 2, 3, 1, 1, 3]))
        #expect(turned.agreement?.share == 0.75 && abs((turned.agreementBeyondChance?.share ?? 0) - 0.5) <= 1e-9)
    }

    @Test func errorsHeldOutArePutOntoEveryInputInTheOrderOfItsValues() throws {
        let network = try Self.linear([[1, 0], [0, 1]])
        // Answers (x, y) → (x + 0.4y, y): error 0.4y on the first of two.
        let other = try Self.linear([[1, 0.4], [0, 1]])
        let fitted = try AnswerComparison(network, other, on: ActivationTensor(shape: [2, 2], values: [1, 1.5, 2, 1]))
        #expect(fitted.agreement?.share == 0.5)
        // (1, 2) and (2, 1): α = 0.8, errors (0.4, 1) and (0.8, 0.2) of the larger and the smaller value. Margins ½ and 1, and 1 of the
        // held-out inputs themselves: the first error turns 0.8·½ over, one pair of eight, which counts by margins as ½·½^3/2 of 3 + ½^3/2.
        let heldOut = try AnswerComparison(network, other, on: ActivationTensor(shape: [2, 2], values: [1, 2, 2, 1]))
        let weight = 0.5 * 0.5.squareRoot()
        #expect(abs((fitted.agreement(withErrorsOf: heldOut)?.share ?? 0) - 0.875) <= 1e-6)
        #expect(abs((fitted.agreement(withErrorsOf: heldOut, weighsByMargin: true)?.share ?? 0) - (3 + weight / 2) / (3 + weight)) <= 1e-6)
        // (2, 1) alone: all of its error is a factor, and nothing flips.
        let agreeing = try AnswerComparison(network, other, on: ActivationTensor(shape: [1, 2], values: [2, 1]))
        #expect(fitted.agreement(withErrorsOf: agreeing)?.share == 1)
    }

    /// Answers that are less sure by a common factor are the same answers.
    @Test func aCommonFactorChangesNoAnswer() throws {
        let network = try Self.linear((0..<6).map { k in (0..<12).map { $0 == k ? 1 : 0 } })
        let weaker = try Self.linear((0..<6).map { k in (0..<12).map { $0 == k ? 0.3 : 0 } })
        let fitted = try AnswerComparison(network, weaker, on: .random([200, 12], seed: 8))
        let heldOut = try AnswerComparison(network, weaker, on: .random([30, 12], seed: 9))
        #expect(try #require(fitted.agreement(withErrorsOf: heldOut)).share > 0.999)
    }

    /// Errors that do not know the margins, held out on a twelfth: the estimate is the share of all, within its own error.
    @Test func fewHeldOutInputsTellTheShareOfChangedAnswers() throws {
        let network = try Self.linear((0..<6).map { k in (0..<12).map { $0 == k ? 1 : 0 } })
        let other = try Self.linear((0..<6).map { k in (0..<12).map { $0 == k ? 1 : ($0 == k + 6 ? 0.5 : 0) } })
        let all = try AnswerComparison(network, other, on: .random([4000, 12], seed: 3))
        let truth = try #require(all.agreement?.share)
        let fitted = try AnswerComparison(network, other, on: .random([480, 12], seed: 4))
        let heldOut = try AnswerComparison(network, other, on: .random([40, 12], seed: 5))
        let found = try #require(fitted.agreement(withErrorsOf: heldOut))
        #expect(truth > 0.5 && truth < 0.95)
        #expect(abs(found.share - truth) <= 3 * found.error && found.error <= 0.1)
    }

    @Test func answersThatAreNotNumbersAgreeWithNothing() throws {
        let network = try Self.linear([[1, 0], [0, 1]])
        let broken = try Self.linear([[.nan, 0], [0, .nan]])
        let comparison = try AnswerComparison(network, broken, on: ActivationTensor(shape: [2, 2], values: [2, 1, 1, 2]))
        #expect(comparison.agreement?.share == 0)
        #expect(comparison.agreement(withErrorsOf: comparison)?.share == 0)
        #expect(comparison.relativeErrors.allSatisfy { !($0.relativeError <= 0.5) })
    }

    @Test func informationIsThatOfConfidentAndDifferentAnswers() throws {
        let confident = try Self.linear([[100, 0], [0, 100]])
        let both = ActivationTensor(shape: [2, 2], values: [1, 0, 0, 1])
        let one = ActivationTensor(shape: [2, 2], values: [1, 0, 1, 0])
        let unsure = ActivationTensor(shape: [2, 2], values: [1, 1, 2, 2])
        func information(_ images: ActivationTensor) throws -> Double { try #require(try ImageRecognition.information(confident, images)) }
        #expect(abs(try information(both) - 0.6931471805599453) <= 1e-9)
        #expect(abs(try information(one)) <= 1e-9)
        #expect(abs(try information(unsure)) <= 1e-9)
    }

    @Test func aPredictionOfRuinNeedsEvidence() throws {
        var settings = PruningSettings(budget: .keep(0.1), seed: 3)
        settings.sampleCount = 60
        settings.selection = .uniform
        settings.reweighting = .none
        let network = PrunerTests.network
        let ruined = try Pruner(network: network, settings: settings).plan(calibration: .random([80, 9], seed: 4))
        if let agreement = ruined.prediction.agreement { #expect(ruined.prediction.isRuined == (agreement < 0.5)) }
        settings.budget = .keep(1)
        let whole = try Pruner(network: network, settings: settings).plan(calibration: .random([80, 9], seed: 4))
        #expect(whole.prediction.agreement == 1 && !whole.prediction.isRuined)
    }

    /// Two classes on which a coin agrees as often are lost, also where one of them is rare; few inputs prove nothing.
    @Test func answersThatAgreeNoMoreThanGuessesDoAreLost() throws {
        // Scores of correlation 0.45: of their deviation 0.9 is off, and 65 % of balanced classes are the same.
        let network = try Self.linear([[1, 0, 0], [0, 0, 0]])
        let other = try Self.linear([[0.2, 0.4, 0], [0, 0, 0]])
        let half = try AnswerComparison(network, other, on: .random([600, 3], seed: 2))
        #expect(try #require(half.agreement).share > 0.55 && !half.isFarther(than: 1) && half.isLost(isClassifier: true))
        // The same where the original names one class in fifteen and the other network never does.
        var inputs = ActivationTensor.random([600, 3], seed: 3)
        for n in 0..<600 { inputs.values[3 * n + 2] = 1 }
        let skewed = try Self.linear([[1, 0, 1.5], [0, 0, 0]])
        let deaf = try Self.linear([[0.2, 0.4, 1.5], [0, 0, 0]])
        let rare = try AnswerComparison(skewed, deaf, on: inputs)
        #expect(try #require(rare.agreement).share > 0.85 && !rare.isFarther(than: 1) && rare.isLost(isClassifier: true))
        let few = try AnswerComparison(skewed, deaf, on: inputs.samples(0..<12))
        #expect(few.isLost(isClassifier: true) == few.isFarther(than: 1))
        #expect(try !AnswerComparison(skewed, skewed, on: inputs).isLost(isClassifier: true))
        // Scores that are off by half of their deviation name the same classes; those of no classes are lost.
        let weaker = try Self.linear([[0.4, 0, 0], [0, 0, 0]])
        let scaled = try AnswerComparison(network, weaker, on: .random([600, 3], seed: 4))
        #expect(!scaled.isLost(isClassifier: true) && scaled.isLost(isClassifier: false))
        // Farther away than their mean: nothing of the scores is left, whatever class is the largest.
        let louder = try Self.linear([[2.5, 0, 0], [0, 0, 0]])
        #expect(try AnswerComparison(network, louder, on: .random([600, 3], seed: 5)).isLost(isClassifier: true))
    }
}
