// What a damaged or forged plan may say, and that it is refused in one line before anything is computed from it.

import Foundation
import NeuralNetworks
import Pruning
import Testing

@Suite struct PlanValidationTests {
    static let network = Network.perceptron([6, 8, 5, 3])

    static func plan() throws -> PruningPlan {
        var settings = PruningSettings(recipe: .best, budget: .keep(0.5), seed: 1)
        settings.sampleCount = 64
        return try Pruner(network: network, settings: settings).plan()
    }

    enum Damage: String, CaseIterable, CustomTestStringConvertible {
        case hugeGroup, negativeGroup, largestGroup, channelBeyondTheLast, negativeChannel, channelTwice, noChannels, groupTwice,
            unknownGroup
        case replacementTwice, shapeBeyond64Bits, bytesBeyond64Bits, emptyShapeWithOverflow, negativeShape, otherShape, unknownParameter
        case notANumber, infinity

        var testDescription: String { rawValue }

        func damage(_ plan: inout PruningPlan) {
            switch self {
            case .hugeGroup: plan.groups[0].channels = 1_000_000_000_000
            case .negativeGroup: plan.groups[0].channels = -1
            case .largestGroup: plan.groups[0].channels = .max
            case .channelBeyondTheLast: plan.groups[0].kept = [0, 8]
            case .negativeChannel: plan.groups[0].kept = [-1, 3]
            case .channelTwice: plan.groups[0].kept = [2, 2]
            case .noChannels: plan.groups[0].kept = []
            case .groupTwice: plan.groups.append(plan.groups[0])
            case .unknownGroup: plan.groups[0].name = "\u{1b}[31mfc9"
            case .replacementTwice: plan.replacements.append(plan.replacements[0])
            case .shapeBeyond64Bits: plan.replacements[0].shape = [1 << 61, 1]
            case .bytesBeyond64Bits: plan.replacements[0].shape = [1 << 62]
            case .emptyShapeWithOverflow: plan.replacements[0].shape = [1 << 62, 1 << 62, 0]
            case .negativeShape: plan.replacements[0].shape = [-4, -2]
            case .otherShape: plan.replacements[0].shape.append(1)
            case .unknownParameter: plan.replacements[0].parameter = "nowhere"
            case .notANumber: plan.replacements[0].spoil(by: .nan)
            case .infinity: plan.replacements[0].spoil(by: -.infinity)
            }
        }
    }

    @Test(arguments: Damage.allCases)
    func damageIsRefused(_ damage: Damage) throws {
        var plan = try Self.plan()
        damage.damage(&plan)
        for use in [{ try plan.apply(to: Self.network) }, { try plan.masked(Self.network) }] as [() throws -> Network] {
            do {
                _ = try use()
                Issue.record("expected an error, found a network")
            } catch let error as PruningError {
                guard case .planMismatch = error else {
                    Issue.record("\(error)")
                    continue
                }
                #expect(!error.description.contains("\n") && error.description.count < 400, "\(error)")
            }
        }
    }

    @Test func theUndamagedPlanIsApplied() throws {
        #expect(try Self.plan().apply(to: Self.network).parameters["fc1.weight"]?.shape == [4, 6])
    }
}

extension PruningPlan.Replacement {
    /// Puts a value in the place of the second.
    fileprivate mutating func spoil(by value: Float) {
        var bytes = Data(base64Encoded: values)!
        withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.replaceSubrange(4..<8, with: $0) }
        values = bytes.base64EncodedString()
    }
}
