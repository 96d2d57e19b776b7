import ConvexGeometry
import Foundation

/// One number of the masters, with a value below and a value above: a half and twice, unless that makes no sense.
struct TuningNumber {
    let name: String
    let value: String
    let neighbors: [(text: String, tuning: EllipsoidTuning)]

    static func number(
        _ path: WritableKeyPath<EllipsoidTuning, Double>, _ name: String, _ below: Double? = nil, _ above: Double? = nil
    ) -> TuningNumber {
        let value = EllipsoidTuning.standard[keyPath: path]
        return TuningNumber(
            name: name, value: text(value),
            neighbors: [below ?? value / 2, above ?? value * 2].map { neighbor in
                var tuning = EllipsoidTuning.standard
                tuning[keyPath: path] = neighbor
                return (text(neighbor), tuning)
            })
    }

    static func count(_ path: WritableKeyPath<EllipsoidTuning, Int>, _ name: String) -> TuningNumber {
        let value = EllipsoidTuning.standard[keyPath: path]
        return TuningNumber(
            name: name, value: "\(value)",
            neighbors: [value / 2, value * 2].map { neighbor in
                var tuning = EllipsoidTuning.standard
                tuning[keyPath: path] = neighbor
                return ("\(neighbor)", tuning)
            })
    }

    /// Both limits tenfold nearer, and tenfold farther.
    static func range(_ path: WritableKeyPath<EllipsoidTuning, ClosedRange<Double>>, _ name: String) -> TuningNumber {
        let value = EllipsoidTuning.standard[keyPath: path]
        func text(_ range: ClosedRange<Double>) -> String { Self.text(range.lowerBound) + " … " + Self.text(range.upperBound) }
        return TuningNumber(
            name: name, value: text(value),
            neighbors: [0.1, 10].map { factor in
                var tuning = EllipsoidTuning.standard
                tuning[keyPath: path] = value.lowerBound * factor...Swift.max(value.lowerBound, value.upperBound) * factor
                return (text(tuning[keyPath: path]), tuning)
            })
    }

    private static func text(_ value: Double) -> String { String(format: "%g", value) }
}

extension TuningNumber {
    static let candidates: [TuningNumber] = [
        .count(\.candidates.leastOrderOfProjectedNewton, "leastOrderOfProjectedNewton"),
        .count(\.candidates.leastCandidates, "leastCandidates"),
        .number(\.candidates.tightest, "tightest", 0.15, 0.6),
        .number(\.candidates.poolGap, "poolGap", 0.25, 0.9),
        .number(\.candidates.first, "first"),
        .number(\.candidates.next.pool, "next.pool"),
        .number(\.candidates.next.read, "next.read"),
        .count(\.candidates.boldRounds, "boldRounds"),
        .count(\.candidates.pool.base, "pool.base"),
        .count(\.candidates.pool.perOrder, "pool.perOrder"),
        .count(\.candidates.pool.share, "pool.share"),
        .count(\.candidates.pool.most, "pool.most"),
        .number(\.candidates.margin.gaps, "margin.gaps"),
        .number(\.candidates.margin.least, "margin.least"),
        .number(\.candidates.margin.read, "margin.read"),
        .count(\.candidates.working.perOrder, "working.perOrder"),
        .count(\.candidates.working.least, "working.least"),
        .count(\.candidates.joining.perOrder, "joining.perOrder"),
        .count(\.candidates.joining.least, "joining.least"),
        .number(\.candidates.violation, "violation", 0.15, 0.6),
        .number(\.candidates.vanished, "vanished", 1e-14, 1e-12),
        .number(\.candidates.farOutlier, "farOutlier", 100000, 1e+07),
        .count(\.candidates.spanning, "spanning"),
    ]

    static let projectedNewton: [TuningNumber] = [
        .number(\.projectedNewton.farthestOfNewton, "farthestOfNewton"),
        .count(\.projectedNewton.approaches, "approaches"),
        .number(\.projectedNewton.worthwhileApproach, "worthwhileApproach", 0.35, 0.9),
        .number(\.projectedNewton.approachFraction, "approachFraction", 0.35, 1),
        .number(\.projectedNewton.leastMovedMass, "leastMovedMass"),
        .count(\.projectedNewton.firstCut.order, "firstCut.order"),
        .count(\.projectedNewton.firstCut.perOrder, "firstCut.perOrder"),
        .count(\.projectedNewton.patience.order, "patience.order"),
        .count(\.projectedNewton.patience.below, "patience.below"),
        .count(\.projectedNewton.patience.from, "patience.from"),
        .number(\.projectedNewton.slow, "slow", 0.25, 0.8),
        .count(\.projectedNewton.returns, "returns"),
        .number(\.projectedNewton.margin, "margin"),
        .number(\.projectedNewton.leastMargin, "leastMargin"),
        .number(\.projectedNewton.worthPacking, "worthPacking", 0.7, 0.95),
        .range(\.projectedNewton.accuracy, "accuracy"),
        .number(\.projectedNewton.landing, "landing"),
        .number(\.projectedNewton.rounding, "rounding", 1e-14, 1e-12),
        .number(\.projectedNewton.shortestStep.counted, "shortestStep.counted"),
        .number(\.projectedNewton.shortestStep.tried, "shortestStep.tried"),
        .number(\.projectedNewton.joining, "joining"),
    ]

    static let interiorPoint: [TuningNumber] = [
        .number(\.interiorPoint.lifted, "lifted"),
        .count(\.interiorPoint.multiplicativeSteps, "multiplicativeSteps"),
        .number(\.interiorPoint.progress, "progress", 0.7, 0.97),
        .count(\.interiorPoint.stalls, "stalls"),
        .number(\.interiorPoint.firstTarget, "firstTarget"),
        .range(\.interiorPoint.firstGap, "firstGap"),
        .number(\.interiorPoint.purge, "purge", 0.25, 0.9),
        .number(\.interiorPoint.purgedMass, "purgedMass"),
        .number(\.interiorPoint.roundedMass, "roundedMass", 1e-15, 1e-13),
        .number(\.interiorPoint.boldness.quotient, "boldness.quotient", 0.0001, 0.01),
        .number(\.interiorPoint.boldness.gaps, "boldness.gaps"),
        .number(\.interiorPoint.worthPacking, "worthPacking", 0.8, 0.98),
        .number(\.interiorPoint.predicted, "predicted", 0.99, 0.9999),
        .number(\.interiorPoint.leastWay, "leastWay", 0.95, 0.999),
        .number(\.interiorPoint.leastCentering, "leastCentering", 1e-05, 0.001),
    ]
}
