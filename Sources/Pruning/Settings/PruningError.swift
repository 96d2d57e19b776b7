// What can stop a pruning run.

import LinearAlgebra
import NeuralNetworks
import TensorFiles

/// Why there is no plan, no pruned network or no report.
public enum PruningError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A setting lies outside its range.
    case invalidSetting(name: String, expected: String, found: String)
    /// `--layer` names a group the network does not have.
    case unknownLayer(name: String, available: [String])
    /// `--layer` names a group that must stay whole.
    case wholeLayer(name: String, reason: String)
    /// The network has no group that may be cut.
    case nothingToPrune(reason: String)
    /// A parameter holds NaN or an infinity.
    case nonFiniteParameter(name: String, index: Int)
    /// An input or calibration value is NaN or infinite.
    case nonFiniteData(index: Int)
    /// Data and network disagree on the input.
    case inputShape(expected: String, found: String)
    /// The method asked for needs data, a model or a network that is not at hand.
    case unsupported(what: String, needs: String)
    /// A parameter that the network names is missing or has another shape than the layer needs.
    case malformedNetwork(String)
    /// The plan belongs to another network, or is damaged.
    case planMismatch(expected: String, found: String)
    /// A target that no choice of channels reaches.
    case unreachableTarget(expected: String, found: String)
    /// A matrix factorization failed.
    case factorization(layer: String, FactorizationError)
    /// The forward pass failed.
    case evaluation(String)
    /// The observer asked to stop.
    case cancelled

    public var description: String {
        switch self {
        case .invalidSetting(let name, let expected, let found): "expected \(name) to be \(expected), found \(found)"
        case .unknownLayer(let name, let available):
            "expected a prunable layer (\(available.prefix(8).joined(separator: ", "))\(available.count > 8 ? ", … \(available.count) in all" : "")), found \"\(name)\""
                + (Spelling.suggestion(for: name, among: available).map { "; did you mean \"\($0)\"?" } ?? "")
        case .wholeLayer(let name, let reason): "expected a prunable layer, found \"\(name)\", which stays whole: \(reason)"
        case .nothingToPrune(let reason): "expected at least one prunable channel group, found none: \(reason)"
        case .nonFiniteParameter(let name, let index):
            "expected finite weights, found a value that is not finite in \(name) at index \(index)"
        case .nonFiniteData(let index): "expected finite inputs, found a value that is not finite at index \(index)"
        case .inputShape(let expected, let found): "expected inputs of shape \(expected), found \(found)"
        case .unsupported(let what, let needs): "expected \(needs) for \(what), found none"
        case .malformedNetwork(let message): message
        case .planMismatch(let expected, let found): "expected a plan for \(expected), found \(found)"
        case .unreachableTarget(let expected, let found): "expected to reach \(expected), found \(found) at best"
        case .factorization(let layer, let error): "\(error) (refit of \(layer))"
        case .evaluation(let message): message
        case .cancelled: "expected the run to finish, found a request to cancel"
        }
    }
}
