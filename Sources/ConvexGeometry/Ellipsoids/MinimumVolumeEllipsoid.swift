// Minimum-volume enclosing ellipsoid (Löwner ellipsoid) with a two-sided certificate.
//
//     lifted points qᵢ = (pᵢ, 1) ∈ ℝᴰ, D = r+1   (center free)    or    qᵢ = pᵢ, D = r   (center at the origin)
//     maximize log det Σ uᵢqᵢqᵢᵀ over weights u ≥ 0, Σu = 1                                          (1)
//     κᵢ(u) = qᵢᵀM(u)⁻¹qᵢ;   u is optimal ⇔ max κ ≤ D, and then κᵢ = D wherever uᵢ > 0               (2)
//     E = { x : (x−c)ᵀS⁻¹(x−c) ≤ max κ − 1 },  c = Σuᵢpᵢ,  S = Σuᵢ(pᵢ−c)(pᵢ−c)ᵀ                      (3)
//
// r is the dimension of the affine hull; flat sets are fitted inside it.
// Sources: Khachiyan, Math. Oper. Res. 21 (1996); Kumar & Yıldırım, JOTA 126 (2005); Todd & Yıldırım, Discrete Appl.
// Math. 155 (2007); Harman & Pronzato, Stat. Probab. Lett. 77 (2007); Sun & Freund, Oper. Res. 52 (2004).

// Clients speak in matrices without importing the module below.
@_exported import struct LinearAlgebra.Matrix
import LinearAlgebra
public import MessagePassing

/// The ellipsoid of least volume that contains a set of points.
///
/// ```swift
/// let points = Matrix(columns: [[0, 0], [2, 0], [0, 2], [2, 2], [1, 1]])
/// let fit = try MinimumVolumeEllipsoid(points: points)
/// fit.ellipsoid.center        // [1, 1]
/// fit.support                 // indices of the contact points
/// fit.certificate.gap         // how far from optimal, proven on all points
/// ```
///
/// Every point lies in `ellipsoid`, whatever `status` says; `certificate` says how close its volume is to the least.
/// Time: two to four reads of the points at n·d² to 2·n·d² flops each, plus the work on a few hundred to a few thousand
/// candidates. Memory beside the points, whatever their number: a few copies of about 4000 + 12·d candidates (n/100 from 400 000
/// points on, 100 000 from 10⁷ on), and the square of the number of contact points. The first-order methods, which are there for
/// reference, keep the images of all points.
public struct MinimumVolumeEllipsoid: Sendable {
    /// Whether the center is found or fixed.
    public enum Centering: String, Sendable, CaseIterable {
        /// The center is part of the answer.
        case free
        /// The center is the origin: the least ellipsoid around the points and their negatives.
        case origin
    }

    /// How (1) is solved.
    public enum Method: String, Sendable, CaseIterable {
        /// Column generation.
        case automatic
        /// A second-order master on the few points that matter, certificates from all points: projected Newton steps where the
        /// contact points are few beside D²/2, a primal–dual interior-point method otherwise.
        case columnGeneration
        /// Frank–Wolfe with away steps (Wolfe–Atwood, Todd & Yıldırım): one point gains or loses weight per iteration.
        case awaySteps
        /// Khachiyan's method: the farthest point gains weight. O(d/gap) iterations: for reference.
        case khachiyan
    }

    /// Why the method stopped.
    public enum Status: String, Sendable, CaseIterable {
        /// Both tolerances are met, as recomputed from the raw points (`khachiyan`: the gap alone).
        case solved
        case iterationLimit
        case timeLimit
        /// Rounding allows no more progress; the certificate says how far it got.
        case stalled
        /// The observer returned false.
        case cancelled
    }

    /// What an observer is told.
    public struct Progress: Sendable {
        /// Iterations so far.
        public let iterations: Int
        /// Reads of the whole point set so far.
        public let dataPasses: Int
        /// max κ/D − 1 of the present weights, on the points the method currently works on.
        public let gap: Double
    }

    /// What to compute and how long to try.
    public struct Settings: Sendable {
        /// Whether the center is free or at the origin.
        public var centering: Centering = .free
        /// How to compute it; `.automatic` chooses by the number of points and the dimension.
        public var method: Method = .automatic
        /// Tolerance on max κ/D − 1 over all points.
        public var gap = 1e-7
        /// Tolerance on 1 − min κ/D over the support.
        public var supportDeficit = 1e-6
        /// Iterations allowed; `nil` means 1000 for column generation, 200 000 for the others.
        public var iterationLimit: Int?
        /// Wall-clock time allowed, the certificate included: the method stops early enough for it. A limit that is too
        /// short for a sample of the points and one read of all is exceeded by these.
        public var timeLimit: Duration?
        /// Weights to start column generation from, such as those of a fit of some of the same points.
        public var start: Start?
        /// Seed of the sample that starts the method.
        public var seed: UInt64 = 0
        /// Threads that share reads and products; by default as many as BLAS may use. BLAS itself uses one in each of them,
        /// and the answer does not depend on their number.
        public var threads = BLASConfiguration.configuredThreads
        /// Processes that share the reads, of which this is rank 0; the others call
        /// ``MinimumVolumeEllipsoid/shareReads(of:with:threads:)``.
        public var processes: any ProcessGroup = SingleProcess()
        /// Called before every iteration; returning false cancels.
        public var observer: (@Sendable (Progress) -> Bool)?

        /// Numbers of the method, for measuring what stands beside them.
        package var tuning = EllipsoidTuning.standard

        /// The default settings: free center, automatic method, gap 1e-7, no limits.
        public init() {}

        /// Settings with the most used ones given.
        public init(centering: Centering = .free, method: Method = .automatic, gap: Double = 1e-7) {
            self.centering = centering
            self.method = method
            self.gap = gap
        }
    }

    /// Points and weights to start from.
    public struct Start: Sendable {
        /// Indices of points, each at most once.
        public var indices: [Int]
        /// Their weights, > 0; only proportions matter.
        public var weights: [Double]

        /// Points by their indices, with as many weights.
        public init(indices: [Int], weights: [Double]) {
            self.indices = indices
            self.weights = weights
        }
    }

    /// How good the result is, recomputed at the end from the raw points through a QR factorization.
    public struct Certificate: Sendable, Equatable {
        /// ε⁺ = max κ/D − 1 over all points, at least 0.
        public let gap: Double
        /// ε⁻ = 1 − min κ/D over the support, at least 0.
        public let supportDeficit: Double
        /// The ellipsoid lies in that of the weights with axes longer by this relative amount: rounding of center and axes.
        public let inflation: Double
        /// What it costs in log volume that Double has to hold the center, the axes and the shape. A fit whose cost is more than
        /// the tolerance on the gap concedes, D/2·gap, is `stalled`, not `solved`. Infinite where it is more than that and axes differ
        /// by more than 1/ulp: then nothing is known of it.
        public let roundingCost: Double
        /// Upper bound on log vol E − log vol E*, E as it is stored and E* optimal: r/2·log(1 + ε⁺·D/r) + `roundingCost`.
        public let logVolumeBound: Double
        /// How far a point is at most from the flat that the ellipsoid lies in, where that is of lower dimension: what rounding of the
        /// coordinates explains. The points are inside up to it; 0 at full rank.
        public let distanceFromFlat: Double
        /// 1/(1 + ε⁺), a lower bound on the D-efficiency of the weights as an experimental design.
        public var efficiency: Double { 1 / (1 + gap) }
    }

    /// The ellipsoid; every point is inside, up to `certificate.distanceFromFlat` across a flat.
    public let ellipsoid: Ellipsoid
    /// Indices of the points with positive weight, ascending.
    public let support: [Int]
    /// Weights of the support, in the same order, sum 1.
    public let weights: [Double]
    /// Why the method stopped.
    public let status: Status
    /// How good the result is.
    public let certificate: Certificate
    /// Iterations of the method.
    public let iterations: Int
    /// Reads of the whole point set.
    public let dataPasses: Int
    /// Dimension of the affine hull (of the linear hull when centered at the origin).
    public let rank: Int
    /// The method used; never `automatic`.
    public let method: Method
    /// Whether the center was free or at the origin.
    public let centering: Centering

    /// Fits the columns of `points`.
    /// - Parameters:
    ///   - points: d×n, one point per column.
    ///   - settings: tolerances, method and limits.
    /// - Throws: `noPoints`, `invalidDimension`, `nonFinite`, `invalidSetting`, `tooLarge`, `notRepresentable`.
    /// - Complexity: two or three reads of n·d² multiply–adds, and steps on the m contact points of m²·d + m³/3 each.
    public init(points: Matrix, settings: Settings = Settings()) throws(GeometryError) {
        try self.init(source: MatrixPoints(points), settings: settings)
    }

    /// Fits `count` points of `dimension` coordinates each, stored one after the other; nothing is copied.
    /// - Parameter offset: added to every point, as `PointSource.offset`; nil for nothing.
    public init(
        points: UnsafeBufferPointer<Double>, count: Int, dimension: Int, offset: [Double]? = nil, settings: Settings = Settings()
    ) throws(GeometryError) {
        try self.init(source: BorrowedPoints(points, count: count, dimension: dimension, offset: offset), settings: settings)
    }

    /// Fits single-precision points, computing in Double; no Double copy of the set is made.
    public init(
        points: UnsafeBufferPointer<Float>, count: Int, dimension: Int, settings: Settings = Settings()
    ) throws(GeometryError) {
        try self.init(source: BorrowedPoints(points, count: count, dimension: dimension), settings: settings)
    }

    /// Fits points in several pieces; nothing is copied.
    public init(points: ConcatenatedPoints, settings: Settings = Settings()) throws(GeometryError) {
        try self.init(source: points, settings: settings)
    }

    /// Fits points that are read from `source` in repeated passes.
    public init(source: some PointSource, settings: Settings = Settings()) throws(GeometryError) {
        let start = ContinuousClock.now
        try self.init(source: source, settings: settings, clock: { ContinuousClock.now - start })
    }

    /// The same by a clock of the caller's.
    package init(source: some PointSource, settings: Settings, clock: @escaping EffortBudget.Clock) throws(GeometryError) {
        try settings.validate()
        let n = source.pointCount
        guard source.dimension >= 1 else { throw .invalidDimension(source.dimension) }
        guard n >= 1 else { throw .noPoints }
        guard source.dimension < Int(Int32.max) else { throw .tooLarge(source.dimension) }
        try settings.start?.validate(pointCount: n)
        do throws(GeometryError) {
            self = try BLASConfiguration.withSingleThread { () throws(GeometryError) -> MinimumVolumeEllipsoid in
                var solver = try EllipsoidSolver(source, settings, clock)
                return try solver.solve()
            }
        } catch {
            throw error.byRank(of: settings.processes, pointCount: n, inRunsOf: LeverageMap.blockSize(source.dimension))
        }
    }

    init(
        ellipsoid: Ellipsoid, support: [Int], weights: [Double], status: Status, certificate: Certificate,
        iterations: Int, dataPasses: Int, rank: Int, method: Method, centering: Centering
    ) {
        self.ellipsoid = ellipsoid
        self.support = support
        self.weights = weights
        self.status = status
        self.certificate = certificate
        self.iterations = iterations
        self.dataPasses = dataPasses
        self.rank = rank
        self.method = method
        self.centering = centering
    }
}

extension MinimumVolumeEllipsoid.Settings {
    func validate() throws(GeometryError) {
        guard gap > 0, gap < .infinity else { throw .invalidSetting(name: "gap", expected: "a positive number", found: gap) }
        guard supportDeficit > 0 else {
            throw .invalidSetting(name: "supportDeficit", expected: "a positive number", found: supportDeficit)
        }
        if let limit = iterationLimit, limit < 0 {
            throw .invalidSetting(name: "iterationLimit", expected: "0 or more", found: Double(limit))
        }
        guard threads >= 1 else { throw .invalidSetting(name: "threads", expected: "1 or more", found: Double(threads)) }
    }
}
