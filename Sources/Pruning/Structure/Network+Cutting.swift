// Cutting a plan's groups out of a network.

import NeuralNetworks

extension Network {
    /// The network with the kept channels of every group only.
    /// - Throws: `planMismatch` when a group or channel does not exist or may not be cut.
    func cutting(_ groups: [PruningPlan.Group]) throws(PruningError) -> Network {
        do {
            return try keeping(Dictionary(groups.map { ($0.name, $0.kept) }, uniquingKeysWith: { first, _ in first }))
        } catch {
            throw .planMismatch(expected: "groups that can be cut", found: "\(error)")
        }
    }
}
