// The processes that mpirun has started, where the tool was built with MPI; otherwise this one alone.

import ConvexGeometry
import Foundation
import LinearAlgebra
import MessagePassing
import Synchronization

enum Ranks {
    /// Ranks of this run. MPI starts with the first use, and only where a launcher has started this process.
    static let all: any ProcessGroup = {
        #if MPI
            if launched != nil, let process = MPIProcess() {
                hasStarted.store(true, ordering: .relaxed)
                return process
            }
        #else
            if let launched, launched.rank == 0, launched.count > 1 {
                Console.warn("note: built without MPI (the trait of the package), so each of \(launched.count) processes does all the work")
            }
        #endif
        return SingleProcess()
    }()

    /// Verbs that share their work.
    static let verbs: Set = ["fit", "reduce", "coreset"]

    /// Whether the tool was built with MPI.
    static var canBeSeveral: Bool {
        #if MPI
            return true
        #else
            return false
        #endif
    }

    /// Whether several processes share the work of this verb.
    static var areSeveral: Bool { all.count > 1 }

    /// Whether this process prints and writes.
    static var isFirst: Bool { all.rank == 0 }

    /// Whether this process is one whose work another one reports on, failures included, as long as it does not fail in a way of its own.
    /// Known before MPI starts.
    static func isHelper(for verb: String?) -> Bool {
        #if MPI
            return verb.map(verbs.contains) ?? false && launched?.rank ?? 0 > 0
        #else
            return false
        #endif
    }

    /// How a process other than rank 0 begins what it has to say.
    static var prefix: String { hasStarted.load(ordering: .relaxed) && all.rank > 0 ? "rank \(all.rank) of \(all.count): " : "" }

    private static let hasStarted = Atomic(false)

    /// What the launcher says, in the variables of Open MPI, of MPICH and Intel MPI, and of Slurm.
    private static var launched: (rank: Int, count: Int)? {
        for (rank, count) in [("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"), ("PMI_RANK", "PMI_SIZE"), ("PMIX_RANK", "SLURM_NTASKS")] {
            if let rank = number(rank) { return (rank, number(count) ?? 1) }
        }
        return nil
    }

    /// Ranks on this host, 1 where the launcher does not say.
    static var countOnHost: Int { number("OMPI_COMM_WORLD_LOCAL_SIZE") ?? number("MPI_LOCALNRANKS") ?? 1 }

    private static func number(_ variable: String) -> Int? { Console.environment(variable).flatMap { Int($0) } }

    /// What every rank prepares for itself, or the first failure among them: rank 0 reports it, and all end.
    static func agree<Value>(_ prepare: () throws -> Value) throws -> Value {
        let result = Result { try prepare() }
        guard areSeveral else { return try result.get() }
        var own: [UInt8] = []
        if case .failure(let error) = result {
            let (status, text) = ((error as? CommandFailure)?.status ?? .failure, (error as? CommandFailure)?.message ?? "\(error)")
            own = [UInt8(status.rawValue)] + Array("rank \(all.rank) of \(all.count): \(text)".utf8)
        }
        let verdict = all.broadcast(all.combine(own) { $0.isEmpty ? $1 : $0 } ?? [])
        guard let code = verdict.first else { return try result.get() }
        guard isFirst else {
            all.serve { _ in }
            throw CommandFailure(status: .success, message: nil)
        }
        all.release()
        throw CommandFailure(
            status: ExitStatus(rawValue: Int32(code)) ?? .failure, message: String(decoding: verdict.dropFirst(), as: UTF8.self))
    }

    /// What rank 0 does while the others help, and what that has cost.
    static func lead<Value>(_ body: () throws -> Value) rethrows -> (Value, Cost?) {
        let before = all.meter.traffic
        defer { all.release() }
        let value = try body()
        return (value, areSeveral ? Cost(ranks: all.count, traffic: all.meter.traffic.since(before)) : nil)
    }

    /// What the other ranks do while rank 0 fits.
    static func shareReads(of points: PointFiles, threads: Int) throws {
        guard points.count > 0 else { return all.serve { _ in } }
        try points.withPieces { MinimumVolumeEllipsoid.shareReads(of: $0, with: all, threads: threads) }
    }

    /// Says that the others wait while one process works.
    static func workAlone(because reason: String) {
        if areSeveral { Console.warn("note: one of \(all.count) processes does all the work: \(reason)") }
    }

    /// What sharing has cost.
    struct Cost {
        let ranks: Int
        let traffic: MessageTraffic

        /// The part of one of several equal solves.
        func perSolve(_ solves: Int) -> Cost {
            Cost(ranks: ranks, traffic: MessageTraffic(messages: traffic.messages / solves, bytesSent: traffic.bytesSent / solves))
        }

        /// For those who read along.
        var line: String { "\(ranks) ranks, \(traffic.messages) collectives, \(Format.count(traffic.bytesSent)) bytes sent" }
    }
}
