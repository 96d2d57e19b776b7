// The frame around every method: prepare → iterate → certify on all points → assemble.

import LinearAlgebra

struct EllipsoidSolver<Source: PointSource> {
    let source: Source
    let settings: MinimumVolumeEllipsoid.Settings
    let method: MinimumVolumeEllipsoid.Method
    let isCentered: Bool
    let team: ThreadTeam
    /// Weights to start from.
    let start: WeightedDesign?
    var frame: PointFrame
    var budget: EffortBudget
    var tuning: CandidateTuning { settings.tuning.candidates }
    /// The farthest points of the last read.
    var far: FarthestPoints
    /// What that read measured by; nil before the first.
    var metric: Metric?
    /// Images of all points in the frame, from the survey of a set that is its own pool; gone once the pool has them.
    var surveyed: [Double]?
    /// What the solve goes by, and has learned about the point set.
    var course: Course
    /// Memory of the projected Newton steps, kept between rounds.
    var hessian: HessianModel?

    /// The turns that column generation may take, each once.
    struct Course {
        /// What the frame was made of: κ in its metric are those of the start, or of a sample.
        enum Frame { case start, sample }
        /// The master that suits the set. Projected Newton steps do, until they have shown that they do not converge.
        enum Master { case projectedNewton, interiorPoint }
        /// Whether the certificate may be the first to look at the last step of a master. Until that once was a mistake, which costs
        /// what it saves.
        enum LastStep { case trusted, checked }

        let frame: Frame
        var master = Master.projectedNewton
        var lastStep = LastStep.trusted
    }

    /// How κ is measured: from raw points, and from images in the frame it was made for.
    struct Metric {
        let factor: DesignFactor
        let map: LeverageMap
    }

    /// A read by a metric for the points beyond a floor, or for as many as may be candidates.
    func read(_ metric: Metric, capacity: Int = 1, floor: Double = -.infinity) -> LeverageRead {
        LeverageRead(
            factor: metric.factor, map: metric.map,
            careful: frame.isDelicate ? .init(transform: frame.transform, origin: frame.origin, noise: frame.noise) : nil, order: order,
            capacity: capacity, floor: floor)
    }

    /// The largest κ of the last read.
    var largest: Double { far.largest }
    /// D
    var order: Int { frame.rank + (isCentered ? 0 : 1) }
    /// What κ has beyond the squared norm of an image: the share of the lifted coordinate.
    var base: Double { isCentered ? 0 : 1 }

    init(_ source: Source, _ settings: MinimumVolumeEllipsoid.Settings, _ clock: @escaping EffortBudget.Clock) throws(GeometryError) {
        self.source = source
        self.settings = settings
        method = settings.method == .automatic ? .columnGeneration : settings.method
        isCentered = settings.centering == .origin
        team = BLASConfiguration.team(settings.threads)
        budget = EffortBudget(
            iterationLimit: settings.iterationLimit ?? (method == .columnGeneration ? 1000 : 200_000),
            timeLimit: settings.timeLimit, clock: clock, observer: settings.observer)
        let start = method == .columnGeneration ? settings.start?.normalized : nil
        if let start, let warm = PointFrame(source, design: start, isCentered: isCentered, team: team) {
            (self.start, frame, course) = (start, warm, Course(frame: .start))
        } else {
            (self.start, course) = (start, Course(frame: .sample))
            frame = try PointFrame(source, isCentered: isCentered, seed: settings.seed, team: team)
        }
        far = .none
    }

    /// The problem of `other` with its center fixed, from the weights given.
    init(_ other: EllipsoidSolver, about center: [Double], start: WeightedDesign) {
        source = other.source
        settings = other.settings
        method = other.method
        isCentered = true
        team = other.team
        budget = other.budget
        self.start = start
        frame = other.frame.moved(to: center)
        course = Course(frame: .sample)
        far = .none
    }

    mutating func solve() throws(GeometryError) -> MinimumVolumeEllipsoid {
        guard frame.rank > 0 else { return try singlePoint() }
        budget.reserve = certificateEffort(support: 2 * order)
        let answer: CertifiedDesign
        switch method {
        case .automatic, .columnGeneration: answer = try solveByColumnGeneration()
        case .awaySteps: answer = try solveByRankOneSteps(away: true)
        case .khachiyan: answer = try solveByRankOneSteps(away: false)
        }
        return try assemble(answer)
    }

    /// All points coincide, up to rounding (or are all zero, when the center is the origin).
    private func singlePoint() throws(GeometryError) -> MinimumVolumeEllipsoid {
        if let error = source.firstNonFinite() { throw error }
        var center = [Double](repeating: 0, count: frame.dimension)
        if !isCentered {
            center = source.gather(frame.spanning)
            if let offset = source.offset { center = zip(center, offset).map { $0 + $1 } }
        }
        return MinimumVolumeEllipsoid(
            ellipsoid: Ellipsoid(
                center: center, axes: Matrix(rows: frame.dimension, columns: 0), semiaxes: [], shape: Matrix(rows: 0, columns: 0)),
            support: frame.spanning, weights: [1], status: .solved,
            certificate: .init(
                gap: 0, supportDeficit: 0, inflation: 0, roundingCost: 0, logVolumeBound: 0, distanceFromFlat: frame.distanceFromHull),
            iterations: 0, dataPasses: 1, rank: 0, method: method, centering: settings.centering)
    }

    /// κ of all points for the design, from the raw points; ε⁺ and ε⁻.
    /// - Parameters:
    ///   - images: of the design's points in the frame, where they are known.
    ///   - isFirst: whether candidates are still to be found, however far from D.
    mutating func certify(
        _ design: WeightedDesign, images known: [Double]? = nil, isFirst: Bool = false
    ) throws(GeometryError) -> CertifiedDesign? {
        let images = known ?? frame.images(source, design.indices, team)
        guard let factor = DesignFactor(images: images, rank: frame.rank, weights: design.weights, isCentered: isCentered, team: team)
        else { return nil }
        let map = factor.leverageMap(frame, base: base, team: team)
        if let surveyed {
            try findLeverages(Metric(factor: factor, map: map), surveyed)
        } else {
            // What a change of weights could lift to D, and all that is beyond it.
            let floor = isFirst ? nil : Double(order) * (1 - tuning.margin.read)
            try readLeverages(Metric(factor: factor, map: map), floor: floor)
        }
        let kappa = leverages(design.indices)
        if let most = kappa.max() { far.raise(to: most) }
        return CertifiedDesign(design: design, factor: factor, map: map.matrix, kappa: kappa, largest: largest, order: order)
    }

    /// A certificate for a support of at most so many points: the factorization, the read, and a second look at the
    /// support, where matrices are triangular; and what is done with matrices of the order of the points alone.
    func certificateEffort(support: Int) -> Effort {
        let (r, d, m) = (Double(frame.rank), Double(frame.dimension), Double(support))
        return Effort(flops: m * (2 * r * r + 4 * d * d) + 4 * r * r * d, reads: 1 + m / Double(source.pointCount))
    }

    /// What can be certified without a survey: equal weights on a few points of the sample.
    mutating func certifySample() throws(GeometryError) -> CertifiedDesign {
        let few = frame.sample.count > 2 * order ? strided(frame.sample, 2 * order) : frame.sample
        for sample in [few, frame.sample] {
            let indices = Set(sample).union(frame.spanning).sorted()
            let design = WeightedDesign(indices: indices, weights: [Double](repeating: 1 / Double(indices.count), count: indices.count))
            if let certified = try certify(design) { return certified }
        }
        throw .breakdown("the sample does not span the affine hull")
    }

    /// Whether the tolerances are met; Khachiyan's method certifies the gap only.
    func isSolved(_ answer: CertifiedDesign) -> Bool {
        answer.gap <= settings.gap && (method == .khachiyan || answer.deficit <= settings.supportDeficit)
    }
}

/// A design with its leverage map and the two tolerances it reaches on all points.
struct CertifiedDesign {
    let design: WeightedDesign
    let factor: DesignFactor
    /// W, r×d: κ = ‖W(p − c)‖², and 1 more when the center is free.
    let map: [Double]
    /// κ of the design's points, as a read has them.
    let kappa: [Double]
    /// max κ
    let largest: Double
    /// ε⁺
    let gap: Double
    /// ε⁻
    let deficit: Double

    init(design: WeightedDesign, factor: DesignFactor, map: [Double], kappa: [Double], largest: Double, order: Int) {
        self.design = design
        self.factor = factor
        self.map = map
        self.kappa = kappa
        self.largest = largest
        let least = kappa.min() ?? .infinity
        gap = Swift.max(0, largest / Double(order) - 1)
        deficit = Swift.max(0, 1 - least / Double(order))
    }
}
