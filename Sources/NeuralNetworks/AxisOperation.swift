/// A function of all values along one axis that gives as many.
public enum AxisOperation: Sendable, Equatable {
    case logSoftmax
    /// 1 at the first maximum, else 0.
    case hardmax
    case cumulativeSum(exclusive: Bool, reverse: Bool)
    /// Divided by their p-norm, p = 1 or 2.
    case normalize(power: Int)
    /// x/(bias + α/size·Σ x²)^β, summed over `size` neighbours: local response normalization.
    case localResponse(size: Int, alpha: Float, beta: Float, bias: Float)

    /// The operation's name in ONNX.
    public var name: String {
        switch self {
        case .logSoftmax: "LogSoftmax"
        case .hardmax: "Hardmax"
        case .cumulativeSum: "CumSum"
        case .normalize: "LpNormalization"
        case .localResponse: "LRN"
        }
    }
}
