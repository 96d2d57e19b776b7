import ConvexGeometry
import LinearAlgebra
import TestSupport
import Testing

/// Sets whose certificate would not survive the rounding of center, axes and matrix.
private enum RoundedSets {
    /// An ellipse of axis ratio 10ᵏ along slanted axes.
    static func ellipse(_ k: Int, angle: Int) -> PointExhibit {
        // Rational points of a circle: cos and sin without a library.
        let thin = (0..<k).reduce(1.0) { value, _ in value / 10 }
        let t = Double(angle) / 16
        let (c, s) = ((1 - t * t) / (1 + t * t), 2 * t / (1 + t * t))
        let columns = (-60...60).flatMap { step -> [[Double]] in
            let t = Double(step) / 30
            let (x, y) = ((1 - t * t) / (1 + t * t), 2 * t / (1 + t * t) * thin)
            return [[c * x - s * y, s * x + c * y], [-c * x - s * y, -s * x + c * y]]
        }
        return PointExhibit("a slanted ellipse of ratio 1e\(k)", rank: 2, columns)
    }

    static func slab(_ k: Int, thinDirections: Int) -> PointExhibit {
        let thin = (0..<k).reduce(1.0) { value, _ in value / 10 }
        let factors = (0..<4).map { $0 < 4 - thinDirections ? 1 : thin }
        let columns = PointMuseum.stretched(PointMuseum.gaussian(200, 4, seed: UInt64(70 + k)), by: factors)
        return PointExhibit(
            "\(thinDirections) slanted directions 1e-\(k) thin", rank: 4, PointMuseum.rotated(columns, seed: UInt64(k)))
    }

    static func clusters(_ distance: Double) -> PointExhibit {
        let far = PointMuseum.gaussian(60, 3, seed: 3).map { zip($0, [1, -0.37, 0.61]).map { $0 + distance * $1 } }
        return PointExhibit("two clusters \(distance) apart", rank: 3, PointMuseum.gaussian(60, 3, seed: 4) + far)
    }

    static func hilbert(_ d: Int) -> PointExhibit {
        PointExhibit("rows of a Hilbert matrix of width \(d)", rank: d, (0..<3 * d).map { i in (0..<d).map { 1 / Double(i + $0 + 1) } })
    }

    static func farSphere(_ distance: Double) -> PointExhibit {
        PointExhibit(
            "a sphere \(distance) away", rank: 3,
            PointMuseum.gaussian(150, 3, seed: 8).map { zip(PointMuseum.unit($0), [1, 0.3, -0.7]).map { $0 + distance * $1 } })
    }

    /// Single-precision coordinates with a fixed sum, stored in double.
    static func affineSums(_ seed: UInt64) -> PointExhibit {
        let columns = PointMuseum.gaussian(150, 4, seed: seed).map { p -> [Double] in
            let head = p.map { Float($0) }
            return (head + [1 - head.reduce(0, +)]).map { Double($0) }
        }
        return PointExhibit("single-precision sums, seed \(seed)", rank: 5, columns)
    }

    static let all: [PointExhibit] =
        (3...14).flatMap { k in [1, 5, 9].map { ellipse(k, angle: $0) } }
        + (3...13).flatMap { [slab($0, thinDirections: 1), slab($0, thinDirections: 3)] }
        + [1e6, 1e7, 3e8].map(clusters) + [4, 6, 8].map(hilbert) + [1e7, 1e10, 1e13].map(farSphere) + (1...3).map(affineSums)
}

@Suite struct StoredEllipsoidTests {
    /// Whatever is claimed holds for the numbers as they are stored, and `solved` means that rounding cost no more than the tolerance.
    @Test(arguments: RoundedSets.all, MinimumVolumeEllipsoid.Centering.allCases)
    func certificateHoldsForWhatIsStored(_ exhibit: PointExhibit, _ centering: MinimumVolumeEllipsoid.Centering) throws {
        let settings = MinimumVolumeEllipsoid.Settings(centering: centering)
        let fit = try fitAndCheck(exhibit, settings)
        let order = Double(fit.rank + (centering == .free ? 1 : 0))
        if fit.status == .solved {
            #expect(fit.certificate.roundingCost <= 0.5 * order * settings.gap)
        } else {
            #expect(fit.status == .stalled)
            #expect(fit.certificate.roundingCost > 0.4 * order * settings.gap || fit.certificate.gap > settings.gap)
        }
    }

    /// Where the matrix would cost more than the tolerance, axes and semiaxes are the answer, and not less than solved.
    @Test(arguments: 2...9, [4, 12]) func unevenAxesAreSolvedWithOrWithoutAMatrix(_ k: Int, _ d: Int) throws {
        let thin = (0..<k).reduce(1.0) { value, _ in value / 10 }
        let columns = PointMuseum.stretched(
            PointMuseum.gaussian(40 * d, d, seed: UInt64(k)), by: [thin] + [Double](repeating: 1, count: d - 1))
        let exhibit = PointExhibit("axes of 1e-\(k) in \(d) dimensions", rank: d, PointMuseum.rotated(columns, seed: UInt64(k + d)))
        let fit = try fitAndCheck(exhibit, MinimumVolumeEllipsoid.Settings())
        #expect(fit.status == .solved && fit.rank == d)
        if k <= 3 { #expect(fit.ellipsoid.shape != nil) }
        if k >= 6 { #expect(fit.ellipsoid.shape == nil) }
    }

    /// Axes along the coordinates, of a ratio whose square Double does not hold.
    @Test(arguments: [120, 145, 150]) func axesOfTheWholeRangeContainThePoints(_ exponent: Int) throws {
        let large = (0..<exponent).reduce(1.0) { value, _ in value * 10 }
        let columns = PointMuseum.gaussian(200, 3, seed: 21).map { [$0[0] / large, $0[1], $0[2] * large] }
        let fit = try MinimumVolumeEllipsoid(points: Matrix(columns: columns))
        let axes = fit.ellipsoid.principalAxes()
        let excess = ContainmentChecker.excess(
            columns: columns, center: fit.ellipsoid.center, axes: (0..<fit.rank).map { Array(axes.directions.column($0)) },
            semiaxes: axes.lengths)
        #expect(fit.status != .solved || excess <= 1e-9, "points are outside by \(excess)")
        #expect(fit.status == .solved || fit.certificate.roundingCost > 1e-8)
    }

    /// A turned set has the volume of the set before it was turned.
    @Test(arguments: 6...14) func turnedEllipse(_ k: Int) throws {
        let exhibit = RoundedSets.ellipse(k, angle: 5)
        let fit = try MinimumVolumeEllipsoid(points: Matrix(columns: exhibit.columns))
        #expect(fit.rank == 2 && fit.isSolvedOrSaysWhatRoundingCosts(gap: 1e-7))
        let thin = (0..<k).reduce(1.0) { value, _ in value / 10 }
        // Coordinates near 1 are rounded by 1e-16, which moves the thin axis by 1e-16/thin of itself.
        let rounding = 4 * .ulpOfOne / thin
        #expect((fit.ellipsoid.logVolume - (Double.pi * thin).logarithm).magnitude <= rounding + 2e-3)
    }

    /// Points on a grid of eighths, moved by a power of two that keeps them exact: only the center is rounded, and that costs the square
    /// of its distance from the optimum, which is said.
    @Test(arguments: [30, 40, 46, 49]) func offsets(_ exponent: Int) throws {
        let offset = Double(sign: .plus, exponent: exponent, significand: 1)
        let near = PointMuseum.gaussian(200, 3, seed: 9).map { $0.map { (8 * 40 * $0).rounded() / 8 } }
        let far = near.map { $0.map { $0 + offset } }
        let free = try MinimumVolumeEllipsoid(points: Matrix(columns: near))
        let fit = try fitAndCheck(PointExhibit("moved by 2^\(exponent)", rank: 3, far), MinimumVolumeEllipsoid.Settings())
        #expect(free.status == .solved)
        #expect(fit.certificate.gap <= 1e-7)
        #expect(fit.ellipsoid.logVolume >= free.ellipsoid.logVolume - free.certificate.logVolumeBound)
        #expect(fit.ellipsoid.logVolume <= free.ellipsoid.logVolume + fit.certificate.logVolumeBound)
        #expect((fit.status == .solved) == (fit.certificate.roundingCost <= 2e-7))
        #expect(fit.certificate.roundingCost <= 1e-4)
    }

    /// Coordinates given relative to an offset: integers that Double does not hold.
    @Test func offsetOfTheSource() throws {
        let near = PointMuseum.gaussian(100, 2, seed: 10).map { $0.map { (1e6 * $0).rounded() } }
        let offset = [1.7e18, 0]
        let fit = try near.flatMap { $0 }.withUnsafeBufferPointer {
            try MinimumVolumeEllipsoid(source: BorrowedPoints($0, count: 100, dimension: 2, offset: offset))
        }
        let local = try MinimumVolumeEllipsoid(points: Matrix(columns: near))
        #expect(fit.isSolvedOrSaysWhatRoundingCosts(gap: 1e-7))
        #expect(
            (fit.ellipsoid.logVolume - local.ellipsoid.logVolume).magnitude <= fit.certificate.logVolumeBound
                + local.certificate.logVolumeBound)
        // The center as it is stored, with the points as they are: their difference is exact.
        let center = zip(fit.ellipsoid.center, offset).map { $0 - $1 }
        let axes = (0..<2).map { Array(fit.ellipsoid.axes.column($0)) }
        #expect(ContainmentChecker.excess(columns: near, center: center, axes: axes, semiaxes: fit.ellipsoid.semiaxes) <= 1e-9)
    }

    /// A triangle thinner than twice the digits of Double resolve along its length: log(4π/(3√3)·area) is the least volume, and what the
    /// certificate says of it must be true, or that nothing is known. How products round decides whether there is an answer at all.
    @Test func boundsBeyondTwiceThePrecisionAreNotStated() {
        let corners = Matrix(columns: [
            [-3.729688336093596e-23, -1.7682798661660115e-23], [4.534729586956797e-24, -1.3242093971876716e-25],
            [322810468278792.7, 906664083490582.9],
        ])
        switch Result(catching: { () throws(GeometryError) in try MinimumVolumeEllipsoid(points: corners) }) {
        case .success(let fit):
            let least = -17.05942409939162
            #expect(fit.ellipsoid.logVolume - least <= fit.certificate.logVolumeBound)
            #expect(fit.status == .solved || fit.certificate.logVolumeBound > 0.1)
        case .failure(let error):
            #expect("\(error)".contains("a ratio that twice its digits do not tell"))
        }
    }
}
