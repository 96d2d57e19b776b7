// How much work a run may spend on inputs.

/// A budget of multiply–adds, and how many samples a fit asks for every regressor.
public enum Effort: String, Sendable, Codable, CaseIterable {
    case quick, `default`, thorough

    /// The unit of the budget is one forward pass over so many images,
    public static let images = 256
    /// of a network of at least so many multiply–adds (VGG16 at 224²): on smaller ones work is cheap, and needed as much.
    public static let leastMultiplyAdds = 16e9

    /// The budget in units: half a one takes a minute of one processor where the least counts.
    public var passes: Double {
        switch self {
        case .quick: 0.125
        case .default: 0.5
        case .thorough: 2
        }
    }

    /// Samples wanted for every regressor: with r independent ones a least-squares fit adds 1/r of the noise to the error, an
    /// eighth at the least that is worth fitting, a thirtieth where nothing is left to gain.
    var rowsPerRegressor: Int {
        switch self {
        case .quick: 8
        case .default, .thorough: 30
        }
    }

    /// Multiply–adds that passes over inputs may cost, for a network of so many for one input.
    public func work(multiplyAdds: Double) -> Double {
        passes * Double(Effort.images) * Swift.max(Effort.leastMultiplyAdds, multiplyAdds)
    }
}
