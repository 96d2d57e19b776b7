/// Every workload, in the order it runs.
package enum WorkloadList {
    /// - Parameter model: the user's own network in place of the published layers and networks.
    package static func workloads(of suites: [Suite], model: SubjectNetwork? = nil) throws -> [Workload] {
        try suites.flatMap { suite -> [Workload] in
            switch suite {
            case .kernels: KernelWorkloads.all
            case .ellipsoid: EllipsoidWorkloads.all
            case .caratheodory: CaratheodoryWorkloads.all
            case .coreset: CoresetWorkloads.all
            case .scale: ScaleWorkloads.all
            case .layers: try model.map(LayerWorkloads.workloads) ?? LayerWorkloads.published
            case .network: (model.map { [$0] } ?? NetworkWorkloads.published).flatMap(NetworkWorkloads.workloads)
            }
        }
    }
}
