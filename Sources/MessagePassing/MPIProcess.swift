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
    /// A broken network or a lost process ends all of them: that is what MPI does by default. A process that exits while the others
    /// still share its work ends them too; otherwise MPI is finished when the process exits.
    public final class MPIProcess: ProcessGroup {
        /// Which of the processes this is, from 0.
        public let rank: Int
        /// How many processes `mpirun` has started.
        public let count: Int
        /// What collectives have cost the network.
        public let meter = MessageMeter()

        /// Whether processes are waiting for each other: from the start until rank 0 releases the others.
        private static let isBusy = Atomic(true)

        /// nil when MPI does not start. Once in a process.
        public init?() {
            guard cmpi_start() != 0 else { return nil }
            (rank, count) = (Int(cmpi_rank()), Int(cmpi_count()))
            atexit {
                if MPIProcess.isBusy.load(ordering: .relaxed), cmpi_count() > 1 { cmpi_abort(1) }
                cmpi_finish()
            }
        }

        /// Bytes of one call at most: sizes are 32-bit integers.
        private static var longest: Int { 1 << 30 }

        /// What rank 0 passes, to all; the others pass anything. Parts of 2³⁰ bytes.
        public func broadcast(_ bytes: [UInt8]) -> [UInt8] {
            var size = bytes.count
            withUnsafeMutableBytes(of: &size) { cmpi_broadcast($0.baseAddress, Int32($0.count)) }
            var result = rank == 0 ? bytes : [UInt8](repeating: 0, count: size)
            inParts(of: size) { start, count in
                result.withUnsafeMutableBytes { cmpi_broadcast($0.baseAddress! + start, count) }
            }
            Self.isBusy.store(size > 0, ordering: .relaxed)
            if count > 1 { meter.add(MessageTraffic(messages: 1, bytesSent: size * (count - 1))) }
            return result
        }

        /// Hands a message to another process; returns when it may be overwritten. Precondition: `rank` is another one of 0..<`count`.
        public func send(_ bytes: [UInt8], to rank: Int) {
            var size = bytes.count
            withUnsafeMutableBytes(of: &size) { cmpi_send($0.baseAddress, Int32($0.count), Int32(rank)) }
            inParts(of: size) { start, count in bytes.withUnsafeBytes { cmpi_send($0.baseAddress! + start, count, Int32(rank)) } }
        }

        /// Waits for the next message of another process. Precondition: `rank` is another one of 0..<`count`.
        public func receive(from rank: Int) -> [UInt8] {
            var size = 0
            withUnsafeMutableBytes(of: &size) { cmpi_receive($0.baseAddress, Int32($0.count), Int32(rank)) }
            var result = [UInt8](repeating: 0, count: size)
            inParts(of: size) { start, count in
                result.withUnsafeMutableBytes { cmpi_receive($0.baseAddress! + start, count, Int32(rank)) }
            }
            return result
        }

        private func inParts(of size: Int, _ body: (_ start: Int, _ count: Int32) -> Void) {
            for start in stride(from: 0, to: size, by: Self.longest) { body(start, Int32(min(Self.longest, size - start))) }
        }
    }
#endif
