// The layers of the user's own network as workloads.

import NeuralNetworks
import Pruning

extension LayerWorkloads {
    /// Every layer of `model` that may be cut, in topological order.
    ///
    /// A worker process could not know the network, hence no comparison of kernels.
    package static func workloads(of model: SubjectNetwork) throws -> [Workload] {
        let network = try model.load().inferringShapes()
        let groups = try network.channelGroups().filter { group in
            group.barrier == nil && group.count > 1 && group.slices.contains { $0.role == .consumer }
        }
        guard !groups.isEmpty else { throw BenchmarkError.nothingToMeasure(model.name) }
        return try groups.flatMap { group in
            let (incoming, outgoing) = (try network.incomingMatrix(group).rows, try network.outgoingMatrix(group).rows)
            return workloads(group.id, channels: group.count, incoming: incoming, outgoing: outgoing) {
                LayerWeights(incoming: try network.incomingMatrix(group), outgoing: try network.outgoingMatrix(group))
            }.map { $0.without(.kernels) }
        }
    }
}

extension Workload {
    /// The same without one comparison.
    func without(_ comparison: Comparison) -> Workload {
        Workload(suite, name, sizes, tier: tier, comparisons: comparisons.subtracting([comparison]), sweep: sweep, prepare: prepare)
    }
}
