// A pruning run as data: which channels stay and which weights change.
//
// A plan stores the changed tensors themselves (Float32, base64, little-endian), not the recipe that made them: replaying
// it needs no data and no arithmetic, so it gives the same bytes on every machine. A fingerprint ties it to its network.

import Foundation
import NeuralNetworks
import TensorFiles

/// What to cut, what to put in place of the refitted weights, and what was learned on the way.
public struct PruningPlan: Sendable, Equatable, Codable {
    /// Version of this layout.
    public var version: Int
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
    public var warnings: [String]
    /// Share of model-drawn or calibration inputs on which the cut network names the same class as the original.
    public var predictedAgreement: Double?
    /// Inputs behind the moments, in words.
    public var inputModelDescription: String
    /// Duration of the planning.
    public var seconds: Double

    /// The kept channels of one group.
    public struct Group: Sendable, Equatable, Codable {
        public var name: String
        public var channels: Int
        /// Ascending.
        public var kept: [Int]
    }

    /// New values of one tensor.
    public struct Replacement: Sendable, Equatable, Codable {
        public var parameter: String
        public var shape: [Int]
        /// Row-major Float32, little-endian, base64.
        public var values: String

        init(parameter: String, _ tensor: Parameter) {
            self.parameter = parameter
            shape = tensor.shape
            values = tensor.values.map(\.bitPattern.littleEndian).withUnsafeBytes { Data($0) }.base64EncodedString()
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

    /// Applies the plan to the network it was made for.
    /// - Throws: `planMismatch` when the network is another one or the plan is damaged; `evaluation` when cutting fails.
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
    /// - Throws: as `apply`.
    public func masked(_ network: Network) throws(PruningError) -> Network {
        let cut = try apply(to: network)
        let found: [ChannelGroup]
        do { found = try network.channelGroups() } catch { throw .malformedNetwork("\(error)") }
        var result: Network
        do {
            result = try network.masking(Dictionary(groups.map { ($0.name, $0.kept) }, uniquingKeysWith: { first, _ in first }))
        } catch {
            throw .planMismatch(expected: "groups that can be cut", found: "\(error)")
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
        let found = network.fingerprint
        guard version == PruningPlan.currentVersion else {
            throw .planMismatch(expected: "layout version \(PruningPlan.currentVersion)", found: "version \(version)")
        }
        guard found == fingerprint else {
            throw .planMismatch(expected: "the network with fingerprint \(fingerprint)", found: "one with fingerprint \(found)")
        }
        try validate(for: network)
        return try network.cutting(groups)
    }

    static let currentVersion = 1
}

/// What happened in one group. Numbers that were not computed are absent.
public struct LayerOutcome: Sendable, Equatable, Codable {
    /// Group name.
    public var name: String
    /// Channels before and after.
    public var before: Int
    public var after: Int
    /// Selection, reweighting and input model, in one phrase.
    public var method: String
    /// E‖z − ẑ‖²/E‖z − E z‖² of what the consumers read, under the input model.
    public var relativeErrorModel: Double?
    /// The same, measured on calibration or evaluation inputs through the pruned network.
    public var relativeErrorMeasured: Double?
    /// Proven ℓ∞ factor of the kept set in `representation`.
    public var provenFactor: Double?
    /// Why there is no proven factor.
    public var provenFactorAbsence: String?
    /// Representation of the channels as points, its rank, and the share of the energy the rank retains.
    public var representation: String?
    public var rank: Int?
    public var retainedEnergy: Double?
    /// Rounds of peeling and total sensitivity.
    public var peels: Int?
    public var totalSensitivity: Double?
    /// Σ min(1, sᵢ).
    public var cappedSensitivity: Double?
    /// Number of draws made.
    public var draws: Int?
    /// ε of the sampling bound; above 1 it promises nothing.
    public var samplingEpsilon: Double?
    /// What the sampling bound says, in one sentence.
    public var samplingStatement: String?
    /// What a budget was allocated by, at every kept count: predicted error, relative to the variance, when this group alone is cut;
    /// of the network's outputs where there were inputs to evaluate on, else of what the group's consumers compute.
    public var errorCurve: [CurvePoint]?
    public var seconds: Double

    /// Predicted error when `kept` channels stay.
    public struct CurvePoint: Sendable, Equatable, Codable {
        public var kept: Int
        public var error: Double
    }
}

extension Network {
    /// Positions that stay, per parameter and axis, where some position goes.
    func keptPositions(_ kept: [PruningPlan.Group], of groups: [ChannelGroup]) -> [String: [Int: [Int]]] {
        var result: [String: [Int: [Int]]] = [:]
        for group in kept {
            guard let structure = groups.first(where: { $0.id == group.name }) else { continue }
            let stays = Set(group.kept)
            for slice in structure.slices {
                guard let shape = parameters[slice.parameter]?.shape, slice.axis < shape.count else { continue }
                // Positions of removed channels drop out; positions outside the group stay.
                let removed = Set((0..<group.channels).filter { !stays.contains($0) }.flatMap { slice.map.positions(of: $0) })
                let before = result[slice.parameter]?[slice.axis] ?? Array(0..<shape[slice.axis])
                result[slice.parameter, default: [:]][slice.axis] = before.filter { !removed.contains($0) }
            }
        }
        return result
    }

    /// A 64-bit fingerprint (FNV-1a over names, shapes and bit patterns), 16 hexadecimal digits.
    ///
    /// It tells networks apart; it is no defense against forgery.
    public var fingerprint: String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        func mix(_ value: UInt64) {
            hash = (hash ^ value) &* 0x0000_0100_0000_01b3
            hash ^= hash >> 29
        }
        for name in parameters.keys.sorted() {
            for byte in name.utf8 { mix(UInt64(byte)) }
            guard let parameter = parameters[name] else { continue }
            for extent in parameter.shape { mix(UInt64(bitPattern: Int64(extent))) }
            for value in parameter.values { mix(UInt64(value.bitPattern)) }
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

extension Parameter {
    /// Writes a smaller tensor at the given positions of every axis.
    mutating func scatter(_ small: Parameter, at axes: [[Int]]) {
        var index = [Int](repeating: 0, count: axes.count)
        for value in small.values {
            var place = 0
            for axis in axes.indices { place = place * shape[axis] + axes[axis][index[axis]] }
            values[place] = value
            for axis in axes.indices.reversed() {
                index[axis] += 1
                if index[axis] < axes[axis].count { break }
                index[axis] = 0
            }
        }
    }
}
