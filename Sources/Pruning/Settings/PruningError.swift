// What can stop a pruning run.

import Coresets
import LinearAlgebra
import NeuralNetworks
import TensorFiles

/// Why there is no plan, no pruned network or no report.
public enum PruningError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What a method needs and does not find.
    public enum Requirement: Equatable, Sendable {
        /// Inputs that the user gives.
        case calibrationImages
        /// An input model that states a covariance for the layer.
        case covariance
        /// A chain of linear layers.
        case linearLayers
        /// A chain of linear layers with several outputs.
        case linearClassifier
        case batchNormalization
        /// A network on images, or a declared input shape.
        case imageShape
        /// A network with one input.
        case singleInput
        /// Layers with a moment formula up to the named one.
        case momentFormulas(upTo: String)
        /// Sampling by sensitivities, which gives the drawing probabilities.
        case sensitivitySampling
        /// A network whose weights are in memory, where these stay in their files.
        case networkInMemory
    }

    /// A setting lies outside its range.
    case invalidSetting(Setting, expected: String, found: String)
    /// A ratio is set for a group the network does not have.
    case unknownLayer(name: String, available: [String])
    /// A name or pattern of a list fits nothing in the network.
    case unknownName(Setting, name: String, suggestion: String?)
    /// A ratio is set for a group that must stay whole.
    case wholeLayer(name: String, reason: String)
    /// The network has no group that may be cut.
    case nothingToPrune(reason: String)
    /// All that may be cut lies in residual streams, and nobody asked to cut those.
    case onlyResidualStreams(groups: [String])
    /// A parameter holds NaN or an infinity.
    case nonFiniteParameter(name: String, index: Int)
    /// An input or calibration value is NaN or infinite.
    case nonFiniteData(index: Int)
    /// Inputs drawn from the declared statistics overflow single precision.
    case nonFiniteDraws
    /// Activations on the given inputs overflow single precision.
    case nonFiniteActivations
    /// Data and network disagree on the input.
    case inputShape(expected: String, found: String)
    /// Fewer inputs than statistics can be taken of.
    case tooFewInputs(expected: Int, found: Int)
    /// The method asked for needs data, a model or a network that is not at hand.
    case unsupported(Setting, value: String, needs: Requirement)
    /// A parameter that the network names is missing or is no matrix.
    case missingParameter(name: String, layer: String?)
    /// A layer with weights of a kind that cannot be refitted.
    case unknownConsumer(layer: String)
    /// The network is malformed: its shapes or groups cannot be told.
    case network(NetworkError)
    /// The forward pass failed.
    case evaluation(NetworkError)
    /// A matrix factorization failed.
    case factorization(FactorizationError, layer: String)
    /// The geometry of a layer's channels failed.
    case coreset(CoresetError, layer: String)
    /// The plan belongs to another network, or is damaged.
    case planMismatch(expected: String, found: String)
    /// The plan cuts what this network does not let be cut.
    case cut(NetworkError)
    /// A target that no choice of channels reaches: the fraction asked for, and the least there is.
    case unreachableTarget(Budget, least: Double)
    /// Blocks of which a configuration says one number would have several sizes.
    case severalSizes(key: String, first: String, size: Int, second: String, otherSize: Int)
    /// Weights could not be read.
    case file(TensorFileError)
    /// The observer asked to stop.
    case cancelled

    /// One line: what was expected and what was found, settings named as fields.
    public var description: String { message(naming: Setting.fieldName) }

    /// One line: what was expected and what was found.
    /// - Parameter name: what the reader calls a setting.
    public func message(naming name: Setting.Naming) -> String {
        switch self {
        case .invalidSetting(let setting, let expected, let found): "expected \(name(setting)) to be \(expected), found \(found)"
        case .unknownLayer(let layer, let available):
            "expected a prunable layer (\(available.prefix(8).joined(separator: ", "))\(available.count > 8 ? ", … \(available.count) in all" : "")), found \"\(layer)\""
                + (Spelling.suggestion(for: layer, among: available).map { "; did you mean \"\($0)\"?" } ?? "")
        case .unknownName(let setting, let wanted, let suggestion):
            "expected names of groups, layers or nodes in \(name(setting)), found \"\(wanted)\", which fits none"
                + (suggestion.map { "; did you mean \"\($0)\"?" } ?? "")
        case .wholeLayer(let layer, let reason): "expected a prunable layer, found \"\(layer)\", which stays whole: \(reason)"
        case .nothingToPrune(let reason): "expected at least one prunable channel group, found none: \(reason)"
        case .onlyResidualStreams(let groups):
            "expected at least one prunable channel group outside of residual streams, found none; \(name(.cutsResidualStreams)) cuts \(groups.prefix(8).joined(separator: ", "))"
                + (groups.count > 8 ? ", … \(groups.count) in all" : "")
        case .nonFiniteParameter(let parameter, let index):
            "expected finite weights, found a value that is not finite in \(parameter) at index \(index)"
        case .nonFiniteData(let index): "expected finite inputs, found a value that is not finite at index \(index)"
        case .nonFiniteDraws:
            "expected finite inputs from the prior, found weights so large that single precision overflows; \(name(.calibration)) avoids it"
        case .nonFiniteActivations: "expected finite activations, found weights so large that single precision overflows"
        case .inputShape(let expected, let found): "expected inputs of shape \(expected), found \(found)"
        case .tooFewInputs(let expected, let found):
            "expected at least \(expected) different inputs in \(name(.calibration)), found \(found)"
        case .unsupported(let setting, let value, let needs):
            "expected \(needs.phrase(naming: name)) for \(name(setting)) \(value), found none"
        case .missingParameter(let parameter, let layer):
            "expected a tensor named \"\(parameter)\"\(layer.map { " for \($0)" } ?? ""), found none"
        case .unknownConsumer(let layer): "expected \(layer) to be a linear layer or a convolution, found another layer"
        case .network(let cause), .evaluation(let cause): "\(cause)"
        case .factorization(let cause, let layer): "\(cause) (refit of \(layer))"
        case .coreset(let cause, let layer): "\(cause) (sensitivities of \(layer))"
        case .planMismatch(let expected, let found): "expected a plan for \(expected), found \(found)"
        case .cut(let cause): "expected a plan for groups that can be cut, found \(cause)"
        case .unreachableTarget(let budget, let least):
            "expected to reach \(name(budget.setting)) \(budget.fraction), found a fraction of \(Decimal.fixed((1e4 * least).rounded(.up) / 1e4, 4)) at best, with as few channels per group as allowed"
        case .severalSizes(let key, let first, let size, let second, let otherSize):
            "expected one size for all blocks whose size is \(key) of the configuration, found \(first) with \(size) and \(second) with \(otherSize)"
        case .file(let cause): "\(cause)"
        case .cancelled: "expected the run to finish, found a request to cancel"
        }
    }
}

extension PruningError.Requirement {
    fileprivate func phrase(naming name: Setting.Naming) -> String {
        switch self {
        case .calibrationImages: "\(name(.calibration)) images"
        case .covariance: "an input model with a covariance"
        case .linearLayers: "a chain of linear layers"
        case .linearClassifier: "a chain of linear layers with several outputs"
        case .batchNormalization: "a network with batch normalization"
        case .imageShape: "a network on images, or \(name(.inputShape)) c,h,w,"
        case .singleInput: "a network with one input"
        case .momentFormulas(let layer): "layers with a moment formula up to \(layer)"
        case .networkInMemory:
            "a network in memory (weights that stay in their files are chosen by sensitivity, top, l1, l2 or uniform, with weights of the draw or none)"
        case .sensitivitySampling: "\(name(.selection)) \(Selection.sensitivity.rawValue) (it gives the drawing probabilities)"
        }
    }
}
