// The processes that mpirun has started, where the tool was built with MPI; otherwise this one alone.

import Foundation
import MessagePassing

enum Ranks {
    /// Ranks of this run. MPI starts with the first use, and only where a launcher has started this process.
    static let all: any ProcessGroup = {
        #if MPI
            let launchers = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"]
            if launchers.contains(where: { Console.environment($0) != nil }), let process = MPIProcess(), process.count > 1 { return process }
        #endif
        return SingleProcess()
    }()

    /// Whether this process reports what is wrong, by what its launcher says: a wrong word on the command line is found before MPI starts.
    static var speaks: Bool {
        #if MPI
            return ["OMPI_COMM_WORLD_RANK", "PMI_RANK"].compactMap { Console.environment($0) }.first.map { $0 == "0" } ?? true
        #else
            return true
        #endif
    }

    /// Whether this process prints and writes.
    static var isFirst: Bool { all.rank == 0 }

    /// What every rank prepares for itself, or the first failure among them: rank 0 reports it, and all end.
    static func agree<Value>(_ prepare: () throws -> Value) throws -> Value {
        let result = Result { try prepare() }
        guard all.count > 1 else { return try result.get() }
        var text = ""
        var status = ExitStatus.success
        if case .failure(let error) = result {
            (status, text) = ((error as? CommandFailure)?.status ?? .failure, (error as? CommandFailure)?.message ?? "\(error)")
        }
        let reports = all.gather([UInt8(status.rawValue)] + Array(text.utf8))
        let failed = reports.firstIndex { $0.first != 0 }
        let verdict = all.broadcast(failed.map { reports[$0] + Array(" (rank \($0) of \(all.count))".utf8) } ?? [0])
        guard let code = verdict.first, code != 0 else { return try result.get() }
        throw CommandFailure(
            status: ExitStatus(rawValue: Int32(code)) ?? .failure,
            message: isFirst ? String(decoding: verdict.dropFirst(), as: UTF8.self) : nil)
    }
}
