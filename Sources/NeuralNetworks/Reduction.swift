/// One number in the place of all along some axes.
public struct Reduction: Sendable, Equatable {
    /// What is made of the values; raw values are ONNX's names.
    public enum Kind: String, Sendable, Equatable {
        case mean = "ReduceMean"
        case sum = "ReduceSum"
        case maximum = "ReduceMax"
        case minimum = "ReduceMin"
        case product = "ReduceProd"
        /// Σ|x|.
        case absoluteSum = "ReduceL1"
        /// √Σx².
        case norm = "ReduceL2"
        case squareSum = "ReduceSumSquare"
        case logSum = "ReduceLogSum"
        /// log Σeˣ, without overflow.
        case logSumExponential = "ReduceLogSumExp"
        /// Position of the first largest or smallest element; one axis.
        case firstMaximum = "ArgMax"
        case firstMinimum = "ArgMin"
    }

    /// What is made of the values.
    public var kind: Kind
    /// Ascending, the batch axis (0) not among them.
    public var axes: [Int]
    /// Reduced axes stay, with extent 1.
    public var keepsAxes: Bool

    /// A reduction over axes that count the batch as 0.
    public init(kind: Kind, axes: [Int], keepsAxes: Bool) {
        self.kind = kind
        self.axes = axes
        self.keepsAxes = keepsAxes
    }
}
