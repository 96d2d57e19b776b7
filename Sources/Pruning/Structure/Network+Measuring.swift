// Which readers of a group can be measured: an operation that cannot be evaluated stops only what depends on it.

import NeuralNetworks

extension Network {
    /// What keeps a consumer's input or output from being computed; `nil` for nothing, and where only the shape of the network's
    /// input is missing, which formulas do without.
    func obstacle(of consumer: GroupConsumer, _ evaluability: Evaluability) -> Evaluability.Obstacle? {
        let obstacle = evaluability.obstacle(of: consumer.input) ?? evaluability.obstacle(of: consumer.output)
        return obstacle.flatMap { $0.node >= 0 ? $0 : nil }
    }

    /// Layers that read the group and whose weights can be refitted, in topological order.
    func refittableConsumers(of group: ChannelGroup) -> [GroupConsumer] {
        (consumers(of: group) + projections(of: group)).enumerated().sorted {
            ($0.element.node, $0.offset) < ($1.element.node, $1.offset)
        }.map(\.element)
    }

    /// Those that can be measured.
    func measurableConsumers(of group: ChannelGroup, _ evaluability: Evaluability) -> [GroupConsumer] {
        refittableConsumers(of: group).filter { obstacle(of: $0, evaluability) == nil }
    }
}
