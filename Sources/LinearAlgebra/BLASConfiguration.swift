// Which OpenBLAS kernels run, and on how many threads.
//
// OpenBLAS picks its kernels when the library loads. A version older than the CPU does not recognise it and falls
// back to Prescott (SSE3), 5–10× slower. Before the first BLAS call of this process we therefore look at CPUID
// ourselves and, when the choice made at load is weaker than what the CPU offers, choose again in place.

internal import CLapack
import Dispatch
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The BLAS kernels in use by this process.
///
/// Selection happens once, before the first BLAS call, and respects `OPENBLAS_CORETYPE` when the user has set it.
public enum BLASConfiguration {
    /// What was found at load, what is in use, and why.
    public struct Selection: Sendable, Equatable {
        /// Core type that OpenBLAS chose when it was loaded.
        public let coreTypeAtLoad: String
        /// Core type in use now.
        public let coreType: String
        /// Core type the CPU would support best among those this project knows; `nil` off x86-64.
        public let recommended: String?
        /// `OPENBLAS_CORETYPE` as the user set it, if they did.
        public let requestedByUser: String?
        /// Whether this build of OpenBLAS allows choosing again inside the process.
        public let canReselect: Bool
    }

    /// The selection in force; the first access makes it.
    public static let selection: Selection = select()

    /// OpenBLAS's description of its own build (version, options, core type).
    public static var configuration: String {
        _ = selection
        return String(cString: openblas_get_config())
    }

    /// Number of processors that OpenBLAS sees.
    public static var processorCount: Int { Int(openblas_get_num_procs()) }

    /// Threads that one product or factorization may use. Process-global; results do not depend on it.
    ///
    /// While some task is inside ``withSingleThread(_:)`` this is 1, and a new value takes effect when the last one has left.
    /// OpenBLAS itself always runs on one thread: what is large enough is cut here, by its size alone.
    public static var threads: Int {
        get {
            _ = selection
            return regions.currentThreads
        }
        set {
            precondition(newValue >= 1, "thread count must be at least 1")
            _ = selection
            regions.setThreads(newValue)
        }
    }

    /// Threads that products may use outside of ``withSingleThread(_:)``, whoever is inside at the moment: the count to
    /// spread work over.
    public static var configuredThreads: Int {
        _ = selection
        return regions.configuredThreads
    }

    /// The threads that large products are shared by now.
    static var currentTeam: ThreadTeam {
        _ = selection
        return regions.currentTeam
    }

    /// The threads of ``configuredThreads``.
    package static var configuredTeam: ThreadTeam {
        _ = selection
        return regions.configuredTeam
    }

    /// The configured team where it has as many threads as asked for, or a team of its own.
    package static func team(_ count: Int) -> ThreadTeam {
        let team = configuredTeam
        return team.count == count ? team : ThreadTeam(count)
    }

    /// Calls `body` once for each of 0..<parts, in an order that is open, on as many threads as products are shared by now; products
    /// inside of a part stay on its thread.
    package static func share(_ parts: Int, _ body: (Int) -> Void) { currentTeam.share(parts, body) }

    /// The same for runs of at most `length` of the numbers 0..<total; one run costs no look for threads.
    package static func share(_ total: Int, inRunsOf length: Int, _ body: (Range<Int>) -> Void) {
        guard total > length else { return total > 0 ? body(0..<total) : () }
        currentTeam.share(total, inRunsOf: length, body)
    }

    /// What `body` makes of each of 0..<parts, in order, on as many threads.
    package static func map<T, E: Error>(_ parts: Int, _ body: (Int) throws(E) -> T) throws(E) -> [T] { try currentTeam.map(parts, body) }

    /// Runs `body` with products on one thread each: for work that is spread over cores as a whole.
    ///
    /// Regions of several tasks may overlap; the count returns when the last one ends.
    public static func withSingleThread<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        _ = selection
        regions.enter()
        defer { regions.leave() }
        return try body()
    }

    private static let regions = ThreadRegions()

    @inline(__always)
    static func ensureSelected() { _ = selection }

    // Strength of the kernels we may meet, weakest first; an unknown name counts as strong, so that a newer
    // OpenBLAS is never second-guessed.
    private static let weakToStrong = ["Prescott", "Core2", "Penryn", "Dunnington", "Nehalem", "Sandybridge", "Haswell", "SkylakeX"]

    private static func strength(_ name: String) -> Int {
        let lowered = name.lowercased()
        if lowered == "zen" || lowered == "excavator" { return 6 }
        return weakToStrong.firstIndex { $0.lowercased() == lowered } ?? weakToStrong.count
    }

    /// Whether the kernels named `name` are known to be slower than those named `other`.
    package static func isWeaker(_ name: String, than other: String) -> Bool { strength(name) < strength(other) }

    private static func recommendation() -> String? {
        let features = clapack_cpu_features()
        if features & 4 != 0 { return "Cooperlake" }
        if features & 2 != 0 { return "SkylakeX" }
        if features & 1 != 0 { return features & 8 != 0 ? "Zen" : "Haswell" }
        return nil
    }

    private static func coreName() -> String { String(cString: openblas_get_corename()) }

    private static func select() -> Selection {
        LAPACKE_set_nancheck(0)
        let atLoad = coreName()
        let user = getenv("OPENBLAS_CORETYPE").map { String(cString: $0) }
        let best = recommendation()
        let canReselect = clapack_can_reselect() != 0
        if user == nil, canReselect, let best, strength(atLoad) < strength(best) {
            setenv("OPENBLAS_CORETYPE", best, 1)
            clapack_reselect()
            // Children of this process must see the environment their user set.
            unsetenv("OPENBLAS_CORETYPE")
        }
        // What OpenBLAS would use is what we use; its own threads never start.
        regions.setThreads(Int(openblas_get_num_threads()))
        openblas_set_num_threads(1)
        return Selection(
            coreTypeAtLoad: atLoad, coreType: coreName(), recommended: best, requestedByUser: user,
            canReselect: canReselect)
    }
}

/// How many tasks want products on one thread, and the threads to share them with when none does.
private final class ThreadRegions: @unchecked Sendable {
    // Guarded by `lock`.
    private var depth = 0
    private var team = ThreadTeam.single
    private let lock = DispatchSemaphore(value: 1)

    var configuredTeam: ThreadTeam { locked { team } }
    var configuredThreads: Int { configuredTeam.count }
    var currentThreads: Int { locked { depth > 0 ? 1 : team.count } }
    var currentTeam: ThreadTeam { locked { depth > 0 ? .single : team } }

    func setThreads(_ count: Int) {
        locked { if team.count != count { team = ThreadTeam(count) } }
    }

    func enter() { locked { depth += 1 } }

    func leave() { locked { depth -= 1 } }

    private func locked<R>(_ body: () -> R) -> R {
        lock.wait()
        defer { lock.signal() }
        return body()
    }
}
