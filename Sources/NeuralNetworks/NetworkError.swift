import TensorFiles

/// Why a network could not be read, evaluated or cut. Every case names the node or tensor concerned.
public enum NetworkError: Error, Sendable, Equatable {
    /// A layer names a tensor that the file does not hold.
    case missingTensor(name: String, node: String)
    /// A tensor's shape does not fit its layer.
    case wrongTensorShape(name: String, node: String, expected: String, found: [Int])
    /// A tensor holds NaN or infinity at the given row-major position.
    case nonFiniteTensor(name: String, index: Int)
    /// A tensor of a kind that cannot be a trained parameter.
    case unreadableTensor(name: String, reason: String)
    /// A tensor that its file cannot give as numbers, or cannot take.
    case tensor(name: String, cause: TensorFileError)
    /// The model's file contradicts itself.
    case file(TensorFileError)
    /// An activation of the wrong shape (without the batch axis) arrives at a node.
    case wrongInputShape(node: String, expected: String, found: [Int])
    /// The graph contradicts itself at a node: wrong number of inputs, an undefined value, a cycle, impossible attributes.
    case invalidNode(name: String, reason: String)
    /// The network as a whole is unusable.
    case invalidNetwork(reason: String)
    /// The node cannot be evaluated.
    case unsupported(node: String, operation: String)
    /// No architecture of that name.
    case unknownArchitecture(name: String)
    /// The tensors do not form a network that this project recognizes.
    case unrecognizedNetwork(reason: String)
    /// A description file is malformed at the given place.
    case invalidDescription(place: String, reason: String)
    /// A group that must stay whole was asked to shrink, or the kept channels make no sense.
    case cannotCut(group: String, reason: String)
    /// Labelled or calibration data that do not fit.
    case invalidData(reason: String)
    /// An array of such data that its file cannot give as numbers.
    case data(name: String, cause: TensorFileError)
}

extension NetworkError: CustomStringConvertible {
    /// One sentence: what was expected, what was found, where.
    public var description: String {
        switch self {
        case .missingTensor(let name, let node):
            "node \(node): expected a tensor named \(name), found none"
        case .wrongTensorShape(let name, let node, let expected, let found):
            "node \(node): expected \(expected) for tensor \(name), found shape \(Self.text(found))"
        case .nonFiniteTensor(let name, let index):
            "tensor \(name): expected finite values, found a non-finite one at position \(index)"
        case .unreadableTensor(let name, let reason):
            "tensor \(name): \(reason)"
        case .tensor(let name, let cause):
            "tensor \(name): \(cause)"
        case .file(let cause):
            "network: \(cause)"
        case .wrongInputShape(let node, let expected, let found):
            "node \(node): expected \(expected) as input, found shape \(Self.text(found))"
        case .invalidNode(let name, let reason):
            "node \(name): \(reason)"
        case .invalidNetwork(let reason):
            "network: \(reason)"
        case .unsupported(let node, let operation):
            "node \(node): expected an operation that can be evaluated, found \(operation)"
        case .unknownArchitecture(let name):
            "network \(name): expected mlp, a description file or one of \(KnownArchitecture.names.joined(separator: ", "))"
                + (Spelling.suggestion(for: name, among: KnownArchitecture.names + ["mlp"]).map { "; did you mean \($0)?" } ?? "")
        case .unrecognizedNetwork(let reason):
            "network: \(reason)"
        case .invalidDescription(let place, let reason):
            "network description, \(place): \(reason)"
        case .cannotCut(let group, let reason):
            "channel group \(group): \(reason)"
        case .invalidData(let reason):
            "data: \(reason)"
        case .data(let name, let cause):
            "data: \(name): \(cause)"
        }
    }

    /// A shape as people write it: (3, 32, 32).
    static func text(_ shape: [Int]) -> String { "(" + shape.map(String.init).joined(separator: ", ") + ")" }
}
