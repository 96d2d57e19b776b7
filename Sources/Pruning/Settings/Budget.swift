// How much of the network stays.

/// The size that the pruned network must have. Fractions are above 0 and at most 1.
public enum Budget: Sendable, Equatable, Codable {
    /// Every prunable group keeps max(1, round(ratio·n)) channels.
    case keep(Double)
    /// This fraction of all prunable channels stays, allocated by predicted error.
    case neurons(Double)
    /// This fraction of the network's parameters stays, allocated by predicted error.
    case parameters(Double)
    /// This fraction of the network's multiply–adds stays, allocated by predicted error.
    case multiplyAdds(Double)

    /// The fraction, whatever it counts.
    public var fraction: Double {
        switch self {
        case .keep(let fraction), .neurons(let fraction), .parameters(let fraction), .multiplyAdds(let fraction): fraction
        }
    }

    /// What messages call it.
    public var setting: Setting {
        switch self {
        case .keep: .keep
        case .neurons: .neurons
        case .parameters: .parameters
        case .multiplyAdds: .multiplyAdds
        }
    }

    /// Whether the same share of every group stays, so that there is nothing to allocate.
    var isUniform: Bool { if case .keep = self { true } else { false } }

    /// What kept counts of a group of n channels become multiples of.
    ///
    /// Kernels of inference engines work on blocks of channels: with counts that fill no block, onnxruntime ran a pruned
    /// EfficientNet-Lite0 slower than the whole network (18.3 against 9.4 ms, 7.1 ms with multiples of 8). In narrow groups a block is too
    /// large a part of the group.
    ///
    /// - Parameters:
    ///   - n: channels of the group.
    ///   - width: rows of a producer that one of them stands for (those of an attention head, of a group with common statistics): kept
    ///     rows become multiples.
    ///   - roundTo: the multiple that is set; by the size of the group when `nil`.
    public static func multiple(of n: Int, width: Int = 1, roundTo: Int?) -> Int {
        let rows = n.multipliedReportingOverflow(by: Swift.max(width, 1))
        var (multiple, rest) = (roundTo ?? (rows.overflow || rows.partialValue >= 64 ? 8 : rows.partialValue >= 16 ? 4 : 1), width)
        let whole = multiple
        // Divided by the greatest common divisor (Euclid).
        while rest != 0 { (multiple, rest) = (rest, multiple % rest) }
        return whole / Swift.max(multiple, 1)
    }

    /// Channels kept of n at a ratio: max(1, round(ratio·n)), then the nearest multiple of `multiple`, at least one multiple, at most n.
    ///
    /// - Parameters:
    ///   - n: channels of the group, at least 1.
    ///   - ratio: kept fraction, at most 1.
    ///   - multiple: at least 1.
    public static func count(of n: Int, ratio: Double, multiple: Int = 1) -> Int {
        let plain = Swift.max(1, Int((ratio * Double(n)).rounded()))
        guard plain < n else { return n }
        return Swift.min(n, Swift.max(1, (plain + multiple / 2) / multiple) * multiple)
    }
}
