// A pruning run as data: which channels stay and which weights change.
//
// A plan stores the changed tensors themselves (Float32, base64, little-endian), not the recipe that made them: replaying
// it needs no data and no arithmetic, so it gives the same bytes on every machine. A fingerprint ties it to its network.

import Foundation
import LinearAlgebra
import NeuralNetworks
import TensorFiles

/// What to cut, what to put in place of the refitted weights, and what was learned on the way.
public struct PruningPlan: Sendable, Equatable, Codable {
    /// Version of this layout.
    public var version: Int
    /// What the user decided.
    public var settings: PruningSettings
    /// Fingerprint of the network the plan was made for.
    public var fingerprint: String
    /// Groups in topological order.
    public var groups: [Group]
    /// Tensors whose values change, in the shapes they have after the cut.
    public var replacements: [Replacement]
    /// What happened in each group.
    public var layers: [LayerOutcome]
    /// What the user should know.
    public var warnings: [PruningWarning]
    /// How often the cut network is expected to name the same class as the original, or how far its outputs are off.
    public var prediction: OutputPrediction
    /// Inputs behind the moments.
    public var inputs: InputProvenance
    /// What learning from the original did behind the closed form; `nil` when there was none.
    public var learned: LearningReport?
    /// Passes over inputs.
    public var work: WorkAccount
    /// Duration of the planning, in seconds.
    public var seconds: Double

    /// The kept channels of one group.
    public struct Group: Sendable, Equatable, Codable {
        /// Name of the group.
        public var name: String
        /// Channels that the group has in the original network.
        public var channels: Int
        /// Indices of the channels that stay, ascending.
        public var kept: [Int]
    }

    /// New values of one tensor.
    public struct Replacement: Sendable, Equatable, Codable {
        /// Name of the tensor.
        public var parameter: String
        /// Extents after the cut.
        public var shape: [Int]
        /// Row-major Float32, little-endian, base64.
        public var values: String

        init(parameter: String, _ tensor: Parameter) {
            self.parameter = parameter
            shape = tensor.shape
            values = tensor.values.map { $0.bitPattern.littleEndian }.withUnsafeBytes { Data($0) }.base64EncodedString()
        }

        /// The tensor; `nil` when the text is damaged.
        func tensor() -> Parameter? {
            guard let data = Data(base64Encoded: values), let count = CheckedSize.product(shape).value, data.count == 4 * count else {
                return nil
            }
            let floats = data.withUnsafeBytes { bytes in
                (0..<count).map {
                    Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)))
                }
            }
            return Parameter(shape: shape, values: floats)
        }
    }

    /// The plan that a refit comes to.
    ///
    /// - Throws: `cut`; `evaluation`.
    init(_ refit: Refit, _ ranking: ChannelRanking, _ errors: ErrorCurves, _ inputs: RunInputs, _ run: PruningRun) throws(PruningError) {
        version = PruningPlan.currentVersion
        settings = run.settings
        fingerprint = run.original.fingerprint
        groups = zip(run.groups, refit.outcomes).map { Group(name: $0.id, channels: $0.count, kept: $1.kept) }
        let changed = refit.masked.changed.union(run.merges.changed).sorted()
        let small = try refit.masked.network.cutting(groups)
        replacements = changed.compactMap { name in small.parameters[name].map { Replacement(parameter: name, $0) } }
        let positions = run.network.keptPositions(groups, of: run.groups)
        let guarantees = try BLASConfiguration.map(refit.outcomes.count) { (g) throws(PruningError) in
            try ranking.groups[g].guarantee(of: refit.outcomes[g].kept)
        }
        layers = refit.outcomes.enumerated().map { g, outcome in
            LayerOutcome(
                outcome, ranking.groups[g], guarantee: guarantees[g], curve: errors.curves[g], inputs: inputs.provenance.model,
                rankingSeconds: ranking.seconds[g], positions: positions)
        }
        warnings = inputs.warnings + refit.warnings
        prediction = try OutputPrediction(refit.masked, inputs, run, tail: refit.tail)
        self.inputs = inputs.provenance
        learned = nil
        work = WorkAccount(effort: run.settings.effort, budget: run.workBudget.total, spent: run.meter.total)
        seconds = run.elapsed
    }

    /// Applies the plan to the network it was made for.
    ///
    /// - Returns: the network with the kept channels of every group and the plan's tensors in place; the same bytes every time.
    /// - Throws: `planMismatch` when the network is another one or the plan is damaged; `cut` when a group may not be cut.
    /// - Complexity: O(values).
    public func apply(to network: Network) throws(PruningError) -> Network {
        var result = try cut(network)
        for replacement in replacements {
            guard let tensor = replacement.tensor() else {
                throw .planMismatch(expected: "\(replacement.shape) values of \(replacement.parameter)", found: "damaged text")
            }
            guard let current = result.parameters[replacement.parameter], current.shape == tensor.shape else {
                throw .planMismatch(
                    expected: "\(replacement.parameter) of shape \(tensor.shape)",
                    found: "\(result.parameters[replacement.parameter].map { "\($0.shape)" } ?? "none")")
            }
            result.parameters[replacement.parameter] = tensor
        }
        return result
    }

    /// The network at full width that computes what the cut one does: columns of removed channels are zero.
    ///
    /// Sliced and masked network agree to rounding; comparing them checks the surgery.
    /// - Throws: as `apply`; `network` when the groups cannot be told.
    /// - Complexity: O(values).
    public func masked(_ network: Network) throws(PruningError) -> Network {
        let cut = try apply(to: network)
        let found: [ChannelGroup]
        do { found = try network.channelGroups() } catch { throw .network(error) }
        var result: Network
        do {
            result = try network.masking(Dictionary(groups.map { ($0.name, $0.kept) }, uniquingKeysWith: { first, _ in first }))
        } catch {
            throw .cut(error)
        }
        let keptPositions = network.keptPositions(groups, of: found)
        for replacement in replacements {
            guard let small = cut.parameters[replacement.parameter], let large = result.parameters[replacement.parameter] else { continue }
            let axes = large.shape.indices.map { keptPositions[replacement.parameter]?[$0] ?? Array(0..<large.shape[$0]) }
            guard axes.map(\.count) == small.shape else {
                throw .planMismatch(expected: "\(replacement.parameter) of shape \(axes.map(\.count))", found: "\(small.shape)")
            }
            result.parameters[replacement.parameter]?.scatter(small, at: axes)
        }
        return result
    }

    /// Cuts the channels without changing other weights.
    func cut(_ network: Network) throws(PruningError) -> Network {
        guard version == PruningPlan.currentVersion else {
            throw .planMismatch(expected: "layout version \(PruningPlan.currentVersion)", found: "version \(version)")
        }
        let found: String
        do throws(TensorFileError) { found = try network.readFingerprint() } catch { throw .file(error) }
        guard found == fingerprint else {
            throw .planMismatch(expected: "the network with fingerprint \(found)", found: "one for fingerprint \(fingerprint)")
        }
        try validate(for: network)
        return try network.cutting(groups)
    }

    /// The plan with more to know about it, first.
    func with(_ more: [PruningWarning]) -> PruningPlan {
        var result = self
        result.warnings = more + warnings
        return result
    }

    /// The layout that this version of the package reads and writes.
    public static let currentVersion = 4
}
