/// A recurrent layer over the first axis of a sample: input (steps, features), outputs (steps, directions, hidden),
/// last hidden state (directions, hidden) and, for an LSTM, last cell state (directions, hidden).
///
/// Weights as ONNX stores them, gates in its order: LSTM i, o, f, c; GRU z, r, h.
public struct Recurrent: Sendable, Equatable {
    /// What the cells are.
    public enum Kind: Sendable, Equatable {
        case lstm
        /// `resetsAfterProduct`: the reset gate multiplies R·h + b instead of h.
        case gru(resetsAfterProduct: Bool)
        case elman

        /// Blocks of rows of a weight.
        public var gates: Int {
            switch self {
            case .lstm: 4
            case .gru: 3
            case .elman: 1
            }
        }
    }

    /// In which order the steps are read.
    public enum Direction: Sendable, Equatable {
        case forward, backward, both
        /// How often the layer is there: 2 for both directions.
        public var count: Int { self == .both ? 2 : 1 }
    }

    /// What the cells are.
    public var kind: Kind
    /// In which order the steps are read.
    public var direction: Direction
    /// Units per direction.
    public var hidden: Int
    /// (directions, gates · hidden, features).
    public var weight: String
    /// (directions, gates · hidden, hidden).
    public var recurrence: String
    /// (directions, 2 · gates · hidden): of the input product, then of the recurrent one.
    public var bias: String?
    /// Peepholes of an LSTM, (directions, 3 · hidden): i, o, f.
    public var peepholes: String?
    /// Whether a second input gives the first hidden state, (directions, hidden).
    public var hasInitialHidden: Bool
    /// Whether a further input gives the first cell state.
    public var hasInitialCell: Bool

    /// A layer over parameters by name; see the properties for shapes.
    public init(
        kind: Kind, direction: Direction, hidden: Int, weight: String, recurrence: String, bias: String? = nil, peepholes: String? = nil,
        hasInitialHidden: Bool = false, hasInitialCell: Bool = false
    ) {
        self.kind = kind
        self.direction = direction
        self.hidden = hidden
        self.weight = weight
        self.recurrence = recurrence
        self.bias = bias
        self.peepholes = peepholes
        self.hasInitialHidden = hasInitialHidden
        self.hasInitialCell = hasInitialCell
    }
}
