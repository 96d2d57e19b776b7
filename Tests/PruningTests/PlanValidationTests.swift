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

    typealias Damage = @Sendable (inout PruningPlan) -> Void

    @Test(
        arguments: [
            ("no group of 10¹² channels", { $0.groups[0].channels = 1_000_000_000_000 }),
            ("no group of -1 channels", { $0.groups[0].channels = -1 }),
            ("no group of Int.max channels", { $0.groups[0].channels = .max }),
            ("no channel beyond the last", { $0.groups[0].kept = [0, 8] }),
            ("no negative channel", { $0.groups[0].kept = [-1, 3] }),
            ("no channel twice", { $0.groups[0].kept = [2, 2] }),
            ("no group without channels", { $0.groups[0].kept = [] }),
            ("no group twice", { $0.groups.append($0.groups[0]) }),
            ("no unknown group", { $0.groups[0].name = "\u{1b}[31mfc9" }),
            ("no replacement twice", { $0.replacements.append($0.replacements[0]) }),
            ("no shape beyond 64 bits", { $0.replacements[0].shape = [1 << 61, 1] }),
            ("no shape whose bytes overflow", { $0.replacements[0].shape = [1 << 62] }),
            ("no empty shape with overflow", { $0.replacements[0].shape = [1 << 62, 1 << 62, 0] }),
            ("no negative shape", { $0.replacements[0].shape = [-4, -2] }),
            ("no other shape", { $0.replacements[0].shape.reverse() }),
            ("no unknown parameter", { $0.replacements[0].parameter = "nowhere" }),
            ("no NaN", { $0.replacements[0] = spoiled($0.replacements[0], by: .nan) }),
            ("no infinity", { $0.replacements[0] = spoiled($0.replacements[0], by: -.infinity) }),
        ] as [(String, Damage)])
    func damageIsRefused(_ name: String, _ damage: Damage) throws {
        var plan = try Self.plan()
        damage(&plan)
        for use in [{ try plan.apply(to: Self.network) }, { try plan.masked(Self.network) }] as [() throws -> Network] {
            do {
                _ = try use()
                Issue.record("\(name): expected an error, found a network")
            } catch let error as PruningError {
                guard case .planMismatch = error else { Issue.record("\(name): \(error)"); continue }
                #expect(!error.description.contains("\n") && error.description.count < 400, "\(name): \(error)")
            }
        }
    }

    @Test func theUndamagedPlanIsApplied() throws {
        #expect(try Self.plan().apply(to: Self.network).parameters["fc1.weight"]?.shape == [4, 6])
    }

    private static func spoiled(_ replacement: PruningPlan.Replacement, by value: Float) -> PruningPlan.Replacement {
        var changed = replacement
        var bytes = Data(base64Encoded: replacement.values)!
        withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.replaceSubrange(4..<8, with: $0) }
        changed.values = bytes.base64EncodedString()
        return changed
    }
}
