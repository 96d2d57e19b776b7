// What a convolution makes of correlated channels: the patch model.
//
// Channels of one place have covariance C, channels of two places at distance d the covariance ρᵈ·C. With W_t the kernel at tap t,
//   Cov(z) = Σ_{t,t'} K[t,t']·W_t·C·W_{t'}ᵀ = Σ_s V_s·C·V_sᵀ,   K[t,t'] = ρ^‖t − t'‖ = L·Lᵀ,   V_s = Σ_t L[t,s]·W_t      (1)
// and the mean is the same everywhere. Zero padding is left out. (A Gaussian field of separable covariance; ρᵈ is positive
// definite in any dimension, see InputPrior.)
//   ρ fitted to stored variances v:   argmin Σ_o (log Var z_o(ρ) − log v_o)²   over ρ = 0, 0.01, … 0.99             (2)
// Var z_o(ρ) is a polynomial in ρ^distance, summed up once. Cost for q outputs, n inputs, T taps: T·(q·n² + q²·n) multiply–adds.

import LinearAlgebra
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A kernel W[o, b, t] and where its taps lie.
package struct PatchModel {
    package typealias Place = (y: Int, x: Int)

    private let weight: [Double]
    let outputs, inputs, groups: Int
    let places: [Place]

    /// - Parameter weight: row-major (outputs, inputs/groups, taps).
    package init(weight: [Double], outputs: Int, inputs: Int, groups: Int = 1, places: [Place]) {
        precondition(weight.count == outputs * (inputs / groups) * places.count, "one weight per output, input of its group and tap")
        (self.weight, self.outputs, self.inputs, self.groups, self.places) = (weight, outputs, inputs, groups, places)
    }

    private var inputsPerGroup: Int { inputs / groups }
    private var outputsPerGroup: Int { outputs / groups }

    /// Places of a window of one or two extents, row by row.
    package static func places(_ extents: [Int], dilations: [Int] = []) -> [Place] {
        let (height, width) = (extents.count > 1 ? extents[0] : 1, extents.last ?? 1)
        let (down, across) = (dilations.count > 1 ? dilations[0] : 1, dilations.last ?? 1)
        return (0..<height).flatMap { y in (0..<width).map { x in (y * down, x * across) } }
    }

    /// Mean of ρ^distance over all pairs of places in a window.
    package static func meanCorrelation(_ extents: [Int], neighbor rho: Double) -> Double {
        let (height, width) = (extents.count > 1 ? extents[0] : 1, extents.last ?? 1)
        var sum = 0.0
        for y in 1 - height..<height {
            for x in 1 - width..<width {
                sum += Double((height - abs(y)) * (width - abs(x))) * pow(rho, Double(y * y + x * x).squareRoot())
            }
        }
        return sum / (Double(height * width) * Double(height * width))
    }

    /// Moments of z by (1).
    package func image(of field: ActivationMoments, bias: [Double]?, correlation rho: Double) throws(FactorizationError)
        -> ActivationMoments
    {
        let kernel = Matrix(rows: places.count, columns: places.count) { pow(rho, Double(squaredDistance($0, $1)).squareRoot()) }
        let factor = try Cholesky(kernel).factor
        var covariance = Matrix(rows: outputs, columns: outputs)
        for s in places.indices {
            let mixed = combination((0..<places.count).map { $0 < s ? 0 : factor[$0, s] })
            let half = mixed.times(field.covariance)
            let part = half.times(mixed, transposeOther: true)
            for k in covariance.elements.indices { covariance.elements[k] += part.elements[k] }
        }
        covariance.symmetrizeFromLower()
        var mean = combination([Double](repeating: 1, count: places.count)).times(field.mean)
        if let bias { for o in mean.indices { mean[o] += bias[o] } }
        return ActivationMoments(mean: mean, covariance: covariance)
    }

    /// ρ by (2); outputs that never vary, in the data or by the model, have no say.
    package func correlation(fitting variances: [Double], of covariance: Matrix) -> Double {
        let distances = Set(places.indices.flatMap { t in places.indices.map { squaredDistance(t, $0) } }).sorted()
        let numbers = Dictionary(uniqueKeysWithValues: zip(distances, distances.indices))
        let parts = (0..<outputs).map { o in
            var sums = [Double](repeating: 0, count: distances.count)
            let first = o / outputsPerGroup * inputsPerGroup
            let own = Matrix(rows: inputsPerGroup, columns: places.count) { weight[(o * inputsPerGroup + $0) * places.count + $1] }
            let block =
                groups == 1
                ? covariance
                : Matrix(rows: inputsPerGroup, columns: inputsPerGroup) { covariance[first + $0, first + $1] }
            let image = block.times(own)
            for t in places.indices {
                for u in places.indices {
                    let product = zip(own.column(t), image.column(u)).reduce(0) { $0 + $1.0 * $1.1 }
                    sums[numbers[squaredDistance(t, u)] ?? 0] += product
                }
            }
            return sums
        }
        var best = (rho: 0.0, distance: Double.infinity)
        for step in 0..<100 {
            let rho = Double(step) / 100
            let powers = distances.map { pow(rho, Double($0).squareRoot()) }
            var distance = 0.0
            for (sums, stored) in zip(parts, variances) {
                let predicted = zip(sums, powers).reduce(0) { $0 + $1.0 * $1.1 }
                guard stored > 0, predicted > 0 else { continue }
                let difference = Elementary.log(predicted / stored)
                distance += difference * difference
            }
            if distance < best.distance { best = (rho, distance) }
        }
        return best.rho
    }

    private func squaredDistance(_ t: Int, _ u: Int) -> Int {
        let (down, across) = (places[t].y - places[u].y, places[t].x - places[u].x)
        return down * down + across * across
    }

    /// Σ_t coefficients[t]·W_t, outputs × inputs.
    private func combination(_ coefficients: [Double]) -> Matrix {
        var result = Matrix(rows: outputs, columns: inputs)
        for o in 0..<outputs {
            let first = o / outputsPerGroup * inputsPerGroup
            for b in 0..<inputsPerGroup {
                let base = (o * inputsPerGroup + b) * places.count
                var sum = 0.0
                for t in places.indices { sum += coefficients[t] * weight[base + t] }
                result[o, first + b] = sum
            }
        }
        return result
    }
}
