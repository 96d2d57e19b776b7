/// An elementwise function of several values that broadcast to one shape. Truth values are 1 and 0.
public enum ElementwiseOperation: Sendable, Equatable {
    case subtract, divide, power
    /// Of any number of inputs.
    case minimum, maximum, mean
    /// Quotient of integers, rounded towards zero.
    case integerDivide
    /// Remainder with the sign of the divisor, or (`truncates`) that of the dividend.
    case modulo(truncates: Bool)
    /// The first input, times the second where the first is negative.
    case parametricReLU
    /// min(max(first, second), third).
    case clamp
    /// The second input where the first is not 0, else the third.
    case select
    case equal, less, lessOrEqual, greater, greaterOrEqual
    case and, or, exclusiveOr

    /// How many inputs it takes; `nil` for any number from one on.
    public var arity: Int? {
        switch self {
        case .minimum, .maximum, .mean: nil
        case .select, .clamp: 3
        default: 2
        }
    }

    /// The operation's name in messages and tables.
    public var name: String {
        switch self {
        case .subtract: "Subtract"
        case .divide: "Divide"
        case .power: "Power"
        case .minimum: "Minimum"
        case .maximum: "Maximum"
        case .mean: "Mean"
        case .integerDivide: "IntegerDivide"
        case .modulo: "Modulo"
        case .parametricReLU: "PRelu"
        case .clamp: "Clip"
        case .select: "Where"
        case .equal: "Equal"
        case .less: "Less"
        case .lessOrEqual: "LessOrEqual"
        case .greater: "Greater"
        case .greaterOrEqual: "GreaterOrEqual"
        case .and: "And"
        case .or: "Or"
        case .exclusiveOr: "Xor"
        }
    }

    /// Whether it ties the channels of one producer to another's as an addition does; gates and quotients do not.
    var joinsStreams: Bool {
        switch self {
        case .subtract, .minimum, .maximum, .mean: true
        default: false
        }
    }
}
