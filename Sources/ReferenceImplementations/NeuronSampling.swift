// Sampling of neurons by Mussay, Osadchy, Braverman, Zhou & Feldman, "Data-Independent Neural Pruning via Coresets", ICLR 2020,
// arXiv 1907.04018: what the project's own sensitivities are compared with.
//
// A layer's neurons h_j = φ(p_jᵀx) are read by the next layer through the weights w_oj. For ‖x‖ ≤ β neuron j contributes at most
// max_o |w_oj|·φ(β‖p_j‖) to any output; it is drawn with probability in proportion,
//
//     pr_j = max_o |w_oj|·φ(β‖p_j‖) / Σ_k max_o |w_ok|·φ(β‖p_k‖),                                             (1)
//
// and after m draws its outgoing weights are multiplied by u_j = count_j/(m·pr_j), which keeps Σ_j w_oj·h_j unbiased. (The paper
// states the single output; its section on several takes the largest weight.) For φ = ReLU the radius β cancels.

/// The sampling of Mussay et al., for layers with rectifiers.
public enum NeuronSampling {
    /// (1).
    ///
    /// - Parameters:
    ///   - incoming: p_j, bias included, one per neuron.
    ///   - outgoing: w_·j, one per neuron.
    /// - Returns: probabilities that sum to 1; uniform when all are zero.
    public static func probabilities(incoming: [[Double]], outgoing: [[Double]]) -> [Double] {
        precondition(incoming.count == outgoing.count, "one outgoing vector per neuron")
        var bounds: [Double] = []
        for (p, w) in zip(incoming, outgoing) {
            let norm = p.reduce(0) { $0 + $1 * $1 }.squareRoot()
            bounds.append(w.reduce(0) { max($0, $1.magnitude) } * norm)
        }
        let total = bounds.reduce(0, +)
        guard total > 0 else { return bounds.map { _ in 1 / Double(max(1, bounds.count)) } }
        return bounds.map { $0 / total }
    }

    /// Draws until `count` different neurons are drawn.
    ///
    /// - Parameter count: at most as many as have a positive probability.
    /// - Returns: their indices, ascending, and u_j of each.
    public static func draw(
        _ count: Int, probabilities: [Double], using generator: inout some RandomNumberGenerator
    ) -> (kept: [Int], factors: [Double]) {
        precondition(count <= probabilities.count { $0 > 0 }, "no more neurons than can be drawn")
        var cumulative: [Double] = []
        var sum = 0.0
        for p in probabilities {
            sum += p
            cumulative.append(sum)
        }
        var counts = [Int](repeating: 0, count: probabilities.count)
        var (draws, different) = (0, 0)
        while different < count {
            let target = Double.random(in: 0..<sum, using: &generator)
            var index = 0
            while index < cumulative.count - 1, cumulative[index] <= target { index += 1 }
            draws += 1
            if counts[index] == 0 { different += 1 }
            counts[index] += 1
        }
        let kept = counts.indices.filter { counts[$0] > 0 }
        return (kept, kept.map { Double(counts[$0]) / (Double(draws) * probabilities[$0] / sum) })
    }
}
