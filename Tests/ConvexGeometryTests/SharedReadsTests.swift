import ConvexGeometry
import LinearAlgebra
import MessagePassing
import TestSupport
import Testing

/// Answers of several processes, which are threads here: the same bytes as those of one.
@Suite struct SharedReadsTests {
    private static let counts = [2, 3, 7]

    /// What rank 0 of a group makes of points while the others share its reads.
    private static func fit(_ points: some PointSource, ranks: Int, _ settings: MinimumVolumeEllipsoid.Settings = .init(gap: 1e-6))
        -> (result: Result<MinimumVolumeEllipsoid, any Error>, traffic: MessageTraffic)
    {
        let answers = ThreadRank.run(ranks) { member -> (Result<MinimumVolumeEllipsoid, any Error>, MessageTraffic)? in
            guard member.rank == 0 else {
                MinimumVolumeEllipsoid.shareReads(of: points, with: member, threads: 1)
                return nil
            }
            defer { member.release() }
            var settings = settings
            settings.processes = member
            settings.threads = 1
            return (Result { try MinimumVolumeEllipsoid(source: points, settings: settings) }, member.meter.traffic)
        }
        return answers.compactMap { $0 }[0]
    }

    private static func isSame(_ a: MinimumVolumeEllipsoid, _ b: MinimumVolumeEllipsoid) -> Bool {
        a.ellipsoid == b.ellipsoid && a.support == b.support && a.weights == b.weights && a.certificate == b.certificate
            && a.dataPasses == b.dataPasses && a.iterations == b.iterations
    }

    @Test(arguments: ComputedPoints.kinds)
    func aFitDoesNotDependOnTheNumberOfProcesses(_ kind: String) throws {
        let points = ComputedPoints.set(kind)
        let alone = try MinimumVolumeEllipsoid(source: points, settings: .init(gap: 1e-6))
        for ranks in Self.counts {
            let (result, traffic) = Self.fit(points, ranks: ranks)
            #expect(Self.isSame(try result.get(), alone), "\(kind), \(ranks) ranks")
            // A request and an answer for every read but those that rank 0 makes for itself.
            #expect(traffic.messages > 0 && traffic.messages <= 2 * alone.dataPasses && traffic.bytesSent > 0)
        }
    }

    @Test(arguments: [1, 2, 5, 300, 7000])
    func fewPointsAndManyProcesses(_ n: Int) throws {
        let points = MatrixPoints(Matrix(columns: PointMuseum.gaussian(n, 3, seed: 5)))
        let alone = try MinimumVolumeEllipsoid(source: points, settings: .init(gap: 1e-6))
        for ranks in Self.counts { #expect(Self.isSame(try Self.fit(points, ranks: ranks).result.get(), alone)) }
    }

    @Test func otherCentersAndMethods() throws {
        let points = ComputedPoints.set("a ball")
        var centered = MinimumVolumeEllipsoid.Settings(centering: .origin, gap: 1e-6)
        centered.threads = 1
        let first = MinimumVolumeEllipsoid.Settings(method: .awaySteps, gap: 1e-3)
        for settings in [centered, first] {
            let alone = try MinimumVolumeEllipsoid(source: points, settings: settings)
            #expect(Self.isSame(try Self.fit(points, ranks: 3, settings).result.get(), alone))
        }
    }

    @Test(arguments: [0, 40_000, 99_999])
    func aNumberThatIsNoneIsReportedWithItsRank(_ place: Int) {
        let points = ComputedPoints(pointCount: 100_000, dimension: 3) { $0 == place && $1 == 1 ? .nan : ComputedPoints.noise($0, $1) }
        for ranks in Self.counts {
            guard case .failure(GeometryError.onRank(let rank, ranks, let error)) = Self.fit(points, ranks: ranks).result,
                case .nonFinite(place, 1, _) = error
            else {
                Issue.record("\(Self.fit(points, ranks: ranks).result)")
                continue
            }
            #expect(rank == (place == 0 ? 0 : place == 99_999 ? ranks - 1 : place * ranks / 100_000))
        }
    }

    @Test func coordinatesThatOverflowEndAllProcesses() {
        // Finite points whose leverages are not: far beyond what the sample has shown.
        let points = ComputedPoints(pointCount: 100_000, dimension: 2) { $0 == 99_000 ? 1e300 : ComputedPoints.noise($0, $1) }
        let alone = Result { try MinimumVolumeEllipsoid(source: points) }
        for ranks in Self.counts {
            switch (alone, Self.fit(points, ranks: ranks, .init()).result) {
            case (.success(let one), .success(let several)): #expect(Self.isSame(one, several))
            case (.failure(let one), .failure(let several)): #expect("\(one)" == "\(several)")
            default: Issue.record("one process and \(ranks) disagree")
            }
        }
    }

    // MARK: Reductions

    private static func reduce(_ columns: [[Double]], weights: [Double]?, length: Int, ranks: Int, secondMoments: Bool)
        -> Result<CaratheodoryReduction, GeometryError>
    {
        let (elements, n, d) = (columns.flatMap { $0 }, columns.count, columns[0].count)
        return ThreadRank.run(ranks) { member -> Result<CaratheodoryReduction, GeometryError>? in
            elements.withUnsafeBufferPointer { elements in
                (weights ?? []).withUnsafeBufferPointer { numbers in
                    let half = n / 3
                    let pieces = [(0, half), (half, n)].filter { $0.1 > $0.0 }.map {
                        try! BorrowedPoints(UnsafeBufferPointer(rebasing: elements[$0.0 * d..<$0.1 * d]), count: $0.1 - $0.0, dimension: d)
                    }
                    let blocks = PointBlocks(
                        points: try! ConcatenatedPoints(pieces), weights: weights == nil ? nil : numbers,
                        keepsSecondMoments: secondMoments, length: length)
                    guard member.rank == 0 else {
                        member.serve { _ in _ = blocks.join(member) }
                        return nil
                    }
                    defer { member.release() }
                    return Result { () throws(GeometryError) in try blocks.reduction(member) }
                }
            }
        }.compactMap { $0 }[0]
    }

    @Test(arguments: [false, true])
    func aReductionDoesNotDependOnTheNumberOfProcesses(_ secondMoments: Bool) throws {
        for (n, length) in [(1, 40), (39, 40), (41, 40), (1000, 40), (1000, 333), (2000, 64)] {
            let points = PointMuseum.gaussian(n, 4, seed: 9)
            let weights = n == 1000 ? (0..<n).map { Double($0 % 5) } : nil
            let alone = try Self.reduce(points, weights: weights, length: length, ranks: 1, secondMoments: secondMoments).get()
            #expect(alone.massError < 1e-14 && alone.error < 1e-13, "\(n), \(length): \(alone.error), \(alone.massError)")
            for ranks in Self.counts {
                let several = try Self.reduce(points, weights: weights, length: length, ranks: ranks, secondMoments: secondMoments).get()
                #expect(
                    several.indices == alone.indices && several.weights == alone.weights && several.error == alone.error
                        && several.spreadError == alone.spreadError && several.totalWeight == alone.totalWeight,
                    "\(n) points in blocks of \(length), \(ranks) ranks")
            }
        }
    }

    @Test func whatCannotBeReducedIsReportedWithItsRank() {
        var points = PointMuseum.gaussian(1000, 3, seed: 10)
        points[777][2] = .infinity
        var weights = [Double](repeating: 1, count: 1000)
        for ranks in Self.counts {
            #expect(
                Self.reduce(points, weights: nil, length: 50, ranks: ranks, secondMoments: false).failure
                    == .onRank(15 * ranks / 20, of: ranks, .nonFinite(point: 777, coordinate: 2, value: .infinity)))
        }
        weights[20] = -1
        for ranks in Self.counts {
            #expect(
                Self.reduce(points, weights: weights, length: 50, ranks: ranks, secondMoments: false).failure
                    == .onRank(0, of: ranks, .invalidWeight(index: 20, value: -1)))
        }
    }
}

extension Result {
    fileprivate var failure: Failure? { if case .failure(let error) = self { error } else { nil } }
}
