// How channels of one group are chosen by their weights.

import Coresets
import LinearAlgebra
import RandomNumbers
import TensorFiles

/// Which channels of a group stay.
struct StreamedChoice {
    let kept: [Int]
    /// What the columns of what reads them are multiplied by; nil where nothing was drawn.
    let factors: [Double]?
    let provenFactor: Double?
    let retainedEnergy: Double?

    init(
        _ weights: StreamedWeights, keeping count: Int, _ settings: PruningSettings, rank: Int, generator: inout SeededGenerator
    ) throws(PruningError) {
        let n = weights.count
        switch settings.selection {
        case .l1, .l2:
            var norms = [Double](repeating: 0, count: n)
            let isSum = settings.selection == .l1
            try weights.forEachRun { (first, columns) throws(PruningError) in
                for j in 0..<columns.columns {
                    norms[first + j] = isSum ? columns.column(j).reduce(0) { $0 + $1.magnitude } : columns.columnNorm(j)
                }
            }
            kept = norms.indices.sorted { (-norms[$0], $0) < (-norms[$1], $1) }.prefix(count).sorted()
            (factors, provenFactor, retainedEnergy) = (nil, nil, nil)
        case .uniform:
            kept = (0..<n).shuffled(using: &generator).prefix(count).sorted()
            (factors, provenFactor, retainedEnergy) = (nil, nil, nil)
        case .sensitivity, .top, .greedy, .backward:
            let norms = try settings.points == .product ? weights.outgoingNorms() : [Double](repeating: 1, count: n)
            // The draw of channels is that of a network in memory; the directions have their own numbers.
            var directions = generator.stream(.directions)
            let points = try NeuronPoints(
                settings.points, weights, scales: norms, rank: rank, generator: &directions, layer: weights.name)
            let lengths = (0..<n).map { points.points.columnNorm($0) }
            do throws(CoresetError) {
                let bounds = try SensitivityBounds(
                    points: points.points, settings: .init(construction: settings.construction, centering: .origin), threshold: .fine)
                let sample =
                    settings.selection == .sensitivity
                    ? try SensitivitySampling.drawDistinct(
                        count: count, sensitivities: bounds.sensitivities, norms: lengths, generator: &generator)
                    : try SensitivitySampling.top(count: count, sensitivities: bounds.sensitivities, norms: lengths)
                kept = sample.indices
                factors = settings.selection == .sensitivity && count < n ? sample.weights : nil
            } catch {
                throw .coreset(error, layer: weights.name)
            }
            if case .factor(let factor) = ProvenFactor(points: points.points, kept: kept) {
                provenFactor = factor
            } else {
                provenFactor = nil
            }
            retainedEnergy = points.retainedEnergy
        }
    }
}
