/// Why a benchmark could not be run.
package enum BenchmarkError: Error, CustomStringConvertible {
    case workerFailed
    case unknownWorkload(String)
    case unreadableBaseline(path: String, reason: String)
    case nothingToMeasure(String)
    case noPeers(path: String, reason: String)
    case peerFailed(String, String)
    case ranksFailed(Int)

    package var description: String {
        switch self {
        case .workerFailed: "expected an answer from the worker process, found none"
        case .unknownWorkload(let name): "expected the identifier of a workload, found \(name)"
        case .nothingToMeasure(let name): "expected a layer that may be cut in \(name), found none"
        case .noPeers(let path, let reason):
            "expected at \(path) a command that follows the protocol of peers or a folder of them, found \(reason)"
        case .ranksFailed(let count): "expected a fit by mpirun -n \(count), found that it failed; is Open MPI installed?"
        case .peerFailed(let name, let reason): "\(name): \(reason)"
        case .unreadableBaseline(let path, let reason): "expected a results file of this tool at \(path), found \(reason)"
        }
    }
}
