/// Every workload, in the order it runs.
package enum WorkloadList {
    package static func workloads(of suites: [Suite]) -> [Workload] {
        suites.flatMap { suite -> [Workload] in
            switch suite {
            case .kernels: KernelWorkloads.all
            case .ellipsoid: EllipsoidWorkloads.all
            case .caratheodory: CaratheodoryWorkloads.all
            case .coreset: CoresetWorkloads.all
            case .layers, .network: []
            }
        }
    }
}
