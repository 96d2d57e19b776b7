// How much inputs count by the margin of their answer.

import Foundation
import Testing

import Pruning

@Suite struct MarginWeightsTests {
    /// Ten scores, one of them so far above the others.
    private static func row(_ margin: Double) -> ArraySlice<Float> { ([Float(margin)] + [Float](repeating: 0, count: 9))[...] }
    private static func confidence(_ margin: Double) -> Double { 1 / (1 + 9 * exp(-margin)) }

    /// The exponent that the weights have.
    private static func exponent(_ margins: [Double]) -> Double {
        let weights = MarginWeights(margins.map(row))
        return log2(weights.input(row(2)) / weights.input(row(1)))
    }

    private static func confidence(_ margins: [Double], _ exponent: Double) -> Double {
        let weights = margins.map { pow($0, exponent) }
        return zip(margins, weights).reduce(0) { $0 + confidence($1.0) * $1.1 } / weights.reduce(0, +)
    }

    @Test func sureInputsCountByTheUsualExponent() {
        let margins = (1...60).map { Double($0) / 6 }
        #expect(Self.confidence(margins, 1.5) > 0.9)
        #expect(abs(Self.exponent(margins) - 1.5) <= 1e-5)
    }

    @Test func unsureOnesByAsMuchMoreAsItTakesToBeSureOfThem() {
        let margins = (1...200).map { Double($0) / 55 }
        #expect(Self.confidence(margins, 1.5) < 0.65)
        let exponent = Self.exponent(margins)
        #expect(exponent > 1.5 && exponent < 4)
        #expect(Self.confidence(margins, exponent) >= 0.65 && Self.confidence(margins, exponent - 0.25) < 0.65)
        // Errors keep half of the usual one: few are held out.
        let weights = MarginWeights(margins.map(Self.row))
        #expect(abs(log2(weights.error(Self.row(2)) / weights.error(Self.row(1))) - 0.75) <= 1e-5)
    }

    /// Three sure inputs beside two hundred unsure ones are no sample: of 9.6 inputs at 11/4 the next exponent would leave 7.
    @Test func someInputsAreLeft() {
        let margins = [Double](repeating: 3.5, count: 3) + [Double](repeating: 0.7, count: 200)
        #expect(Self.confidence(margins, 2.75) < 0.6)
        #expect(abs(Self.exponent(margins) - 2.75) <= 1e-5)
    }

    /// Probabilities are what they say; as scores they would be sure of nothing.
    @Test func probabilitiesAreTheirOwnConfidence() {
        let rows = (0..<40).map { k in ArraySlice<Float>([0.9 - Float(k) / 400, 0.1 + Float(k) / 400]) }
        let weights = MarginWeights(rows)
        let quarter = weights.input([0.75, 0.25]), half = weights.input([1, 0])
        #expect(abs(log2(half / quarter) - 1.5) <= 1e-5)
    }

    @Test func whatIsNoNumberOrAnswersNothingDoesNotCount() {
        let weights = MarginWeights([[1, 1], [.nan, .nan], [.infinity, 1], [2, 1]])
        #expect(weights.input([1, 1]) == 0 && weights.input([.nan, .nan]) == 0 && weights.input([.infinity, 1]) == 0)
        #expect(weights.input([2, 1]) == 1)
        #expect(MarginWeights([[0, 0]]).input([0, 0]) == 0)
        // Margins whose powers are no single-precision numbers.
        #expect(MarginWeights([[1e38, 0], [5e37, 0]]).input([1e38, 0]) == 1)
    }
}
