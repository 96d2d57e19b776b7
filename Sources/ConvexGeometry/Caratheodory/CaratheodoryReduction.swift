// Carathéodory reduction: few of many weighted points, with the same total weight and the same weighted sum.
//
// Problem    points pᵢ ∈ ℝᵈ, weights wᵢ ≥ 0, i = 1…n → at most D = d + 1 of the points with weights w' > 0 and
//                Σ w' = Σ w,   Σ w'p = Σ wp.                                                                (1)
// Method     `oneRead`: sums of runs of points, a segment tree over them, and a top-down elimination in which a
//            survivor's weight is a factor on its whole node (OneReadReduction.swift).
//            `direct`: one null vector per dropped point; the classic proof, for reference.
// Cost       one read of the data + about 3.7·D³·log₂(n/D) flops; O(nD/r + D²) memory with runs of r ≥ 16 points.
// Limits     coordinates and weights must be finite; n and D below 2³¹. Errors are reported, not assumed.
// Sources    Carathéodory, Math. Ann. 64 (1907); Tchernychova & Lyons (2016); Maalouf, Jubran & Feldman, NeurIPS 2019.

import LinearAlgebra

/// A subset of at most d + 1 weighted points with the same total weight and the same weighted sum as all of them.
///
/// ```swift
/// let reduction = try CaratheodoryReduction(points: points, weights: weights)   // points: d×n, one per column
/// reduction.indices      // at most d + 1 columns of `points`
/// reduction.weights      // their weights, all positive
/// reduction.error        // largest relative error of a coordinate of the weighted sum
/// ```
///
/// With a ``Lift`` the features of the points take the place of their coordinates: `.secondMoments` keeps the
/// covariance, `.monomials(degree:)` integrates polynomials exactly.
public struct CaratheodoryReduction: Sendable, Equatable {
    /// How the points are eliminated.
    public enum Method: Sendable, Equatable {
        /// One read of the data and a tree of sums: the fast method.
        case oneRead
        /// One null vector for every point that is dropped: O(n·D³), for reference and for tests.
        case direct
    }

    /// What may be asked of a reduction beyond its definition.
    public struct Settings: Sendable, Equatable {
        /// How the points are eliminated.
        public var method: Method
        /// Whether to go on to exactly as many points as the numerical rank of the survivors.
        public var minimal: Bool
        /// A cost per point, all finite: wherever a step may go either way, it goes where Σ cost·weight falls. `nil`
        /// for no preference.
        public var costs: [Double]?

        /// Bytes that may be used beside the points; `nil` for no limit.
        public var memoryLimit: Int?

        /// Settings with those given; the others are the fast method, without costs and limits.
        public init(method: Method = .oneRead, minimal: Bool = false, costs: [Double]? = nil, memoryLimit: Int? = nil) {
            self.method = method
            self.minimal = minimal
            self.costs = costs
            self.memoryLimit = memoryLimit
        }
    }

    /// Which points survive: indices into the input, ascending.
    public let indices: [Int]
    /// Weights of the survivors, all positive, in the order of `indices`.
    public let weights: [Double]
    /// Number of features that are kept besides the total weight, D − 1: the dimension d without a lift.
    public let featureCount: Int
    /// Number of points in the input.
    public let pointCount: Int
    /// Σ w of the input.
    public let totalWeight: Double
    /// Numerical rank of the survivors' (1, features), when `minimal` was asked for.
    public let rank: Int?
    /// maxₖ |Σ(w' − w)pₖ| / Σw|pₖ|, from sums with about twice the precision of Double at the top.
    public let error: Double
    /// maxₖ |Σ(w' − w)(pₖ − μₖ)| / Σw|pₖ − μₖ| with μ the weighted mean: the error in units of the spread, which an
    /// offset cannot hide. The denominator is bounded from below by the triangle inequality, so that the figure errs
    /// upwards; coordinates without spread count 0.
    public let spreadError: Double
    /// |Σw' − Σw| / Σw.
    public let massError: Double

    /// The reduced measure on its own.
    public var weightedPoints: WeightedPoints { WeightedPoints(indices: indices, weights: weights) }
}

extension CaratheodoryReduction {
    /// Reduces the columns of `points`.
    ///
    /// - Parameters:
    ///   - points: d×n, one point per column.
    ///   - weights: n non-negative weights; `nil` stands for 1/n each, so that the mean is kept.
    /// - Throws: `nonFinite`, `invalidWeight` (also when all are zero), `dimensionMismatch`, `invalidSetting`, `tooLarge`,
    ///   `tooMuchMemory`, `notRepresentable` for weights so small or large that Double cannot hold those of fewer points,
    ///   `factorization`.
    /// - Complexity: one read, n·D, and log(n/D²) eliminations of D³ (`oneRead`); n·D³ (`direct`).
    public init(points: Matrix, weights: [Double]? = nil, lift: Lift = .none, settings: Settings = .init()) throws(GeometryError) {
        if let weights, weights.count != points.columns {
            throw .dimensionMismatch(expected: points.columns, found: weights.count)
        }
        self = try Self.withPointers(points.elements, weights) { (elements, weights) throws(GeometryError) in
            try CaratheodoryReduction(
                points: elements, count: points.columns, dimension: points.rows, weights: weights, lift: lift, settings: settings)
        }
    }

    /// Reduces points in memory that the caller owns, `dimension` doubles each, one after the other.
    ///
    /// - Parameter count: number of points; the storage must hold `count · dimension` numbers.
    /// - Throws: as above, and `storageMismatch`.
    public init(
        points: UnsafeBufferPointer<Double>, count: Int, dimension: Int, weights: UnsafeBufferPointer<Double>? = nil,
        lift: Lift = .none, settings: Settings = .init()
    ) throws(GeometryError) {
        try Self.validate(stored: points.count, count: count, dimension: dimension, weights: weights?.count)
        self = try Self.reduce(
            StoredPoints(points, count: count, width: dimension), weights: weights, lift: lift,
            settings: settings)
    }

    /// Reduces points in single precision without a copy in double precision; sums are in double.
    public init(
        points: UnsafeBufferPointer<Float>, count: Int, dimension: Int, weights: UnsafeBufferPointer<Double>? = nil,
        lift: Lift = .none, settings: Settings = .init()
    ) throws(GeometryError) {
        try Self.validate(stored: points.count, count: count, dimension: dimension, weights: weights?.count)
        self = try Self.reduce(
            StoredPoints(points, count: count, width: dimension), weights: weights, lift: lift,
            settings: settings)
    }

    private static func validate(stored: Int, count: Int, dimension: Int, weights: Int?) throws(GeometryError) {
        guard dimension >= 0 else { throw .invalidDimension(dimension) }
        guard count >= 0, count <= Int(Int32.max) else { throw .tooLarge(count) }
        let (needed, overflows) = count.multipliedReportingOverflow(by: dimension)
        guard !overflows else { throw .tooLarge(count) }
        guard stored == needed else { throw .storageMismatch(expected: needed, found: stored) }
        if let weights, weights != count { throw .dimensionMismatch(expected: count, found: weights) }
    }

    static func withPointers(
        _ points: [Double], _ weights: [Double]?,
        _ body: (UnsafeBufferPointer<Double>, UnsafeBufferPointer<Double>?) throws(GeometryError) -> CaratheodoryReduction
    ) throws(GeometryError) -> CaratheodoryReduction {
        try points.withUnsafeBufferPointer { (p) throws(GeometryError) in
            guard let weights else { return try body(p, nil) }
            return try weights.withUnsafeBufferPointer { (w) throws(GeometryError) in try body(p, w) }
        }
    }
}

extension CaratheodoryReduction {
    // Validate → reduce → remove dependent survivors → correct → report. nil when sums leave the range they may be in.
    static func assemble<Source: FeatureSource>(
        _ source: Source, weights: UnsafeBufferPointer<Double>?, settings: Settings, _ attempt: Attempt
    ) throws(GeometryError) -> CaratheodoryReduction? {
        guard source.width < Int(Int32.max) / 2 else { throw .tooLarge(source.width) }
        if let costs = settings.costs {
            guard costs.count == source.count else { throw .dimensionMismatch(expected: source.count, found: costs.count) }
            if let bad = costs.first(where: { !$0.isFinite }) { throw .invalidSetting(name: "costs", expected: "finite", found: bad) }
        }
        return try withUnsafePointer(to: 1 / Double(max(1, source.count))) { (uniform) throws(GeometryError) -> CaratheodoryReduction? in
            let view = weights.map { WeightView(base: $0.baseAddress ?? uniform, step: 1) } ?? WeightView(base: uniform, step: 0)
            let engine = OneReadReduction(source: source, weights: view, costs: settings.costs)
            guard let (reduced, moments) = try engine.run(descends: settings.method == .oneRead, mayLeaveRange: attempt.mayLeaveRange)
            else { return nil }
            guard moments.mass > 0 || source.count == 0 else { throw .invalidWeight(index: 0, value: view[0]) }
            let survivors =
                switch settings.method {
                case .oneRead: reduced
                case .direct: try DirectReduction(source: source, weights: view, costs: settings.costs).run(moments)
                }
            var system = SurvivorSystem(survivors, source: source, moments: moments)
            let rank = settings.minimal ? try system.removeDependent() : nil
            var errors = try system.correct()
            if attempt.weightExponent != 0 { errors = try system.unscale(by: -attempt.weightExponent) ?? errors }
            let total = Double(sign: .plus, exponent: -attempt.weightExponent, significand: moments.mass)
            try Self.checkTotal(total)
            return CaratheodoryReduction(
                indices: system.points.indices, weights: system.points.weights, featureCount: source.width, pointCount: source.count,
                totalWeight: total, rank: rank,
                error: errors.error, spreadError: errors.spread, massError: errors.mass)
        }
    }

    /// Few points carry the weight of all: more than Double holds cannot be theirs.
    static func checkTotal(_ weight: Double) throws(GeometryError) {
        guard weight.isFinite else { throw .notRepresentable(reason: "weights so large that their sum overflows") }
    }
}
