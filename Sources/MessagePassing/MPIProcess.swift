#if MPI
    internal import CMPI
    import Synchronization

    #if canImport(Glibc)
        import Glibc
    #elseif canImport(Musl)
        import Musl
    #elseif canImport(Darwin)
        import Darwin
    #endif

    /// A process that `mpirun` has started, with all the others.
    ///
    /// A broken network or a lost process ends all of them: that is what MPI does by default. MPI is finished when the process exits.
    public final class MPIProcess: ProcessGroup {
        public let rank: Int
        public let count: Int
        private let state = Mutex(MessageTraffic())

        /// nil when MPI does not start. Once in a process.
        public init?() {
            guard cmpi_start() != 0 else { return nil }
            atexit { cmpi_finish() }
            (rank, count) = (Int(cmpi_rank()), Int(cmpi_count()))
        }

        public var traffic: MessageTraffic { state.withLock { $0 } }

        /// Bytes of one call at most: sizes are 32-bit integers.
        private static var longest: Int { 1 << 30 }

        public func broadcast(_ bytes: [UInt8]) -> [UInt8] {
            var size = bytes.count
            withUnsafeMutableBytes(of: &size) { _ = cmpi_broadcast($0.baseAddress, Int32($0.count)) }
            var result = rank == 0 ? bytes : [UInt8](repeating: 0, count: size)
            for start in stride(from: 0, to: size, by: Self.longest) {
                let part = min(Self.longest, size - start)
                result.withUnsafeMutableBytes { _ = cmpi_broadcast($0.baseAddress! + start, Int32(part)) }
            }
            note(size * (count - 1))
            return result
        }

        public func gather(_ bytes: [UInt8]) -> [[UInt8]] {
            precondition(bytes.count <= Self.longest, "what a rank sends at once is a few candidates")
            var sizes = [Int](repeating: 0, count: count)
            _ = cmpi_gather_size(bytes.count, &sizes)
            let (counts, total) = (sizes.map { Int32($0) }, rank == 0 ? sizes.reduce(0, +) : 0)
            precondition(total <= Int(Int32.max), "what comes together fits one message")
            var places = [Int32](repeating: 0, count: count)
            for rank in counts.indices.dropFirst() { places[rank] = places[rank - 1] &+ counts[rank - 1] }
            var all = [UInt8](repeating: 0, count: max(1, total))
            _ = cmpi_gather(bytes, Int32(bytes.count), &all, counts, places)
            guard rank == 0 else { return [] }
            note(total - bytes.count)
            return zip(places, counts).map { Array(all[Int($0)..<Int($0 + $1)]) }
        }

        private func note(_ bytes: Int) {
            state.withLock {
                $0.messages += 1
                $0.bytesSent += bytes
            }
        }
    }
#endif
