// A network whose consumers are being refitted at full width: columns of removed channels are zero.

import LinearAlgebra
import NeuralNetworks

/// The original network with some consumers refitted, all its channels in place.
struct MaskedNetwork: Sendable {
    /// The masked network so far.
    private(set) var network: Network
    /// Tensors that differ from a plain cut.
    private(set) var changed: Set<String> = []
    private let original: Network

    init(_ network: Network) {
        self.network = network
        original = network
    }

    /// Takes the statistics of normalizations over the channels that stay alone.
    ///
    /// - Parameter kept: of each group; `nil` where that is open.
    /// - Throws: `network`.
    mutating func restrictStatistics(of groups: [RankedGroup], to kept: (_ group: Int) -> [Int]?) throws(PruningError) {
        var choice: [ChannelGroup.ID: [Int]] = [:]
        for group in groups where !group.group.statistics.isEmpty {
            if let stay = kept(group.index), stay.count < group.count { choice[group.name] = stay }
        }
        guard !choice.isEmpty else { return }
        do { network = try network.restrictingStatistics(to: choice) } catch { throw .network(error) }
    }

    /// Puts a whole tensor in place.
    mutating func replace(_ name: String, _ tensor: Parameter) {
        network.parameters[name] = tensor
        changed.insert(name)
    }

    /// Puts the weights of a consumer in place.
    ///
    /// - Parameters:
    ///   - weights: V', rows of `consumer` at `rowOffset`, columns in the order of `kept`; other channels become zero.
    ///   - isCutOnly: the kept columns are what they were.
    mutating func scatter(_ weights: Matrix, rowOffset: Int, to consumer: Consumer, kept: [Int], channels: Int, isCutOnly: Bool = false) {
        guard var parameter = network.parameters[consumer.layer.weight] else { return }
        consumer.scatter(weights, rowOffset: rowOffset, kept: kept, channels: channels, into: &parameter.values)
        network.parameters[consumer.layer.weight] = parameter
        if !isCutOnly { changed.insert(consumer.layer.weight) }
    }

    /// Makes `constants` the constant part of a consumer's outputs: its bias, or minus what its running mean is lowered by.
    ///
    /// Each refit replaces the constant of the original network, never adds to an earlier one.
    mutating func setConstants(_ constants: [Double], of consumer: Consumer) {
        switch consumer.layer.shift {
        case .bias(let name):
            guard var bias = original.parameters[name] else { return }
            bias.values = constants.map(Float.init)
            replace(name, bias)
        case .runningMean(let name):
            guard var mean = original.parameters[name] else { return }
            mean.values = zip(mean.values, constants).map { Float(Double($0) - $1) }
            replace(name, mean)
        case .inputBias(let name):
            guard var bias = original.parameters[name], let rows = bias.shape.last.map({ $0 / 2 }), rows > 0 else { return }
            for (i, constant) in constants.enumerated() { bias.values[i / rows * 2 * rows + i % rows] = Float(constant) }
            replace(name, bias)
        case .none: return
        }
    }
}
