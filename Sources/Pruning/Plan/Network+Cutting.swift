// Cutting a plan's groups out of a network.

import NeuralNetworks

extension Network {
    /// The network with the kept channels of every group only.
    /// - Throws: `cut` when a group or channel does not exist or may not be cut.
    func cutting(_ groups: [PruningPlan.Group]) throws(PruningError) -> Network {
        do {
            return try keeping(Dictionary(groups.map { ($0.name, $0.kept) }, uniquingKeysWith: { first, _ in first }))
        } catch {
            throw .cut(error)
        }
    }

    /// Positions that stay, per parameter and axis, where some position goes.
    func keptPositions(_ kept: [PruningPlan.Group], of groups: [ChannelGroup]) -> [String: [Int: [Int]]] {
        var result: [String: [Int: [Int]]] = [:]
        for group in kept {
            guard let structure = groups.first(where: { $0.id == group.name }) else { continue }
            let stays = Set(group.kept)
            for slice in structure.slices {
                guard let shape = parameters[slice.parameter]?.shape, slice.axis < shape.count else { continue }
                // Positions of removed channels drop out; positions outside the group stay.
                let removed = Set((0..<group.channels).filter { !stays.contains($0) }.flatMap { slice.map.positions(of: $0) })
                let before = result[slice.parameter]?[slice.axis] ?? Array(0..<shape[slice.axis])
                result[slice.parameter, default: [:]][slice.axis] = before.filter { !removed.contains($0) }
            }
        }
        return result
    }
}
