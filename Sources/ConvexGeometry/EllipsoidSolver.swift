// The frame around every method: prepare → iterate → certify on all points → assemble.

import LinearAlgebra

struct EllipsoidSolver<Source: PointSource> {
    let source: Source
    let settings: MinimumVolumeEllipsoid.Settings
    let method: MinimumVolumeEllipsoid.Method
    let isCentered: Bool
    var frame: PointFrame
    var budget: EffortBudget
    /// κ of every point at the last full pass.
    var kappa: [Double]
    /// False once the point set turned out to be one of those that projected Newton steps do not suit.
    var isProjectedNewtonAdmitted = true

    /// D
    var order: Int { frame.rank + (isCentered ? 0 : 1) }
    /// What κ has beyond the squared norm of an image: the share of the lifted coordinate.
    var base: Double { isCentered ? 0 : 1 }

    init(_ source: Source, _ settings: MinimumVolumeEllipsoid.Settings) throws(GeometryError) {
        self.source = source
        self.settings = settings
        method = settings.method == .automatic ? .interiorPoint : settings.method
        isCentered = settings.centering == .origin
        budget = EffortBudget(
            iterationLimit: settings.iterationLimit ?? (method == .interiorPoint ? 1000 : 200_000),
            deadline: settings.timeLimit.map { ContinuousClock.now + $0 }, observer: settings.observer)
        frame = try PointFrame(source, isCentered: isCentered, seed: settings.seed)
        kappa = []
    }

    mutating func solve() throws(GeometryError) -> MinimumVolumeEllipsoid {
        guard frame.rank > 0 else { return try singlePoint() }
        kappa = [Double](repeating: 0, count: source.pointCount)
        let answer: CertifiedDesign
        switch method {
        case .automatic, .interiorPoint: answer = try solveByColumnGeneration()
        case .awaySteps: answer = try solveByRankOneSteps(away: true)
        case .khachiyan: answer = try solveByRankOneSteps(away: false)
        }
        return try assemble(answer)
    }

    /// All points coincide (or are all zero, when the center is the origin).
    private func singlePoint() throws(GeometryError) -> MinimumVolumeEllipsoid {
        if let error = source.firstNonFinite() { throw error }
        var center = [Double](repeating: 0, count: frame.dimension)
        if !isCentered { center = source.gather([0]) }
        return MinimumVolumeEllipsoid(
            ellipsoid: Ellipsoid(
                center: center, factor: Matrix(rows: 0, columns: 0), basis: Matrix(rows: frame.dimension, columns: 0), logVolume: 0),
            support: [0], weights: [1], status: .solved,
            certificate: .init(gap: 0, supportDeficit: 0, inflation: 0, logVolumeBound: 0),
            iterations: 0, dataPasses: 1, rank: 0, method: method, centering: settings.centering)
    }

    /// κ of all points for the design, from the raw points; ε⁺ and ε⁻.
    mutating func certify(_ design: WeightedDesign) throws(GeometryError) -> CertifiedDesign? {
        let images = frame.images(source, design.indices)
        guard let factor = DesignFactor(images: images, rank: frame.rank, weights: design.weights, isCentered: isCentered)
        else { return nil }
        try readLeverages(factor)
        if frame.isDelicate { refine(factor, design.indices) }
        return CertifiedDesign(
            design: design, factor: factor, kappa: kappa, order: order, isCentered: isCentered,
            centerNoise: centerNoise(factor))
    }

    /// ‖R⁻ᵀT·δ‖ for a center off by δ = one ulp of itself: a center far from zero cannot be stored more accurately.
    /// A delicate frame is exempt: it computes in twice the precision, about a center that is never stored.
    private func centerNoise(_ factor: DesignFactor) -> Double {
        guard !isCentered, !frame.isDelicate else { return 0 }
        let map = factor.leverageMap(frame, base: 0)
        var sum = 0.0
        for k in 0..<frame.dimension {
            let ulp = frame.origin[k] * .ulpOfOne
            for i in 0..<frame.rank {
                let entry = map.matrix[i + k * frame.rank] * ulp
                sum += entry * entry
            }
        }
        return sum.squareRoot()
    }

    /// One read of the data: κ of all points into `kappa`.
    mutating func readLeverages(_ factor: DesignFactor) throws(GeometryError) {
        budget.dataPasses += 1
        let map = factor.leverageMap(frame, base: base)
        let (source, threads) = (self.source, settings.threads)
        kappa.withUnsafeMutableBufferPointer {
            map.leverages(of: source, into: $0.baseAddress!, threads: threads)
        }
        let (largest, sum) = LeverageKernels.largest(kappa, count: kappa.count)
        guard sum.isFinite else {
            throw source.firstNonFinite() ?? .shapeNotRepresentable(reason: "coordinates that overflow")
        }
        guard frame.isDelicate else { return }
        let noise = Swift.min(1, 64 * frame.noise * Double(order))
        let threshold = noise < 0.1 ? Swift.min(largest, Double(order)) * (1 - noise) * 0.9 : 0
        refine(factor, kappa.indices.filter { kappa[$0] >= threshold })
    }

    /// Whether the tolerances are met; Khachiyan's method certifies the gap only.
    func isSolved(_ answer: CertifiedDesign) -> Bool {
        answer.gap <= settings.gap && (method == .khachiyan || answer.deficit <= settings.supportDeficit)
    }

    /// Thin, slanted sets: κ of plain arithmetic is noisy, so whatever may matter is recomputed with compensated sums.
    private mutating func refine(_ factor: DesignFactor, _ candidates: [Int]) {
        let step = Swift.max(1, 1 << 20 / frame.dimension)
        for start in stride(from: 0, to: candidates.count, by: step) {
            let run = Array(candidates[start..<Swift.min(start + step, candidates.count)])
            let images = frame.images(source, run)
            var values = [Double](repeating: 0, count: run.count)
            factor.leverages(ofImages: images, count: run.count, base: base, into: &values)
            for (value, index) in zip(values, run) { kappa[index] = value }
        }
    }
}

/// A design with its leverage map and the two tolerances it reaches on all points.
struct CertifiedDesign {
    let design: WeightedDesign
    let factor: DesignFactor
    /// max κ
    let largest: Double
    /// ε⁺
    let gap: Double
    /// ε⁻
    let deficit: Double

    /// A center off by δ changes κ by at most about 2·√(κ−1)·‖R⁻ᵀδ‖; the tolerances claimed allow for it.
    init(
        design: WeightedDesign, factor: DesignFactor, kappa: [Double], order: Int, isCentered: Bool, centerNoise: Double
    ) {
        self.design = design
        self.factor = factor
        largest = kappa.max() ?? 0
        let least = design.indices.reduce(Double.infinity) { Swift.min($0, kappa[$1]) }
        let allowance = 2 * Swift.max(0, largest - (isCentered ? 0 : 1)).squareRoot() * centerNoise / Double(order)
        gap = Swift.max(0, largest / Double(order) - 1) + allowance
        deficit = Swift.max(0, 1 - least / Double(order)) + allowance
    }
}
