// The numbers of the projected Newton master, and why they are what they are (rows beside them: Documentation/Tuning.md).

/// When to step, how far, and which points to keep.
package struct ProjectedNewtonTuning: Sendable {
    /// Gap from which an approach to equilibrium is worth a try. It costs an evaluation, a step costs that and a Hessian; below, the
    /// off-diagonal of H, which `Equilibrium` knows nothing of, is as large as what is left to gain.
    package var farthestOfNewton = 0.02
    /// Approaches in a row: each takes the gap down by the factor that it must, so six are 0.7⁶ ≈ 1/8, and then Newton is near enough.
    package var approaches = 6
    /// An approach that leaves more than this of the gap is the last: a step of Newton's method leaves at most half.
    package var worthwhileApproach = 0.7
    /// Share of the way to equilibrium: neighbors that both rise to cover one direction would overshoot by the share they have in
    /// common, about a third for points of a cone of 45°.
    package var approachFraction = 0.7
    /// Points that a warm start looks at: those which a change of the mass by this much could lift to D, as κ' ≤ κ/(1 − δ).
    package var leastMovedMass = 4e-3
    /// Orders up to which a cold start leaves points out, and how many it keeps for each order. The support has D to D²/2 points;
    /// 20·D holds it up to D = 40, and in more dimensions bringing one back costs a whole step.
    package var firstCut = (order: 32, perOrder: 20)
    /// Slow steps (not halving the distance) before the interior-point method takes over. One of its steps costs m³/3 against
    /// m²D, so with m ≈ D²/4 some D/12 steps more pay for themselves.
    package var patience = (order: 16, below: 3, from: 10)
    /// Distance that a step must at least halve not to count as slow: conjugate gradients to 1e-2 would leave a hundredth.
    package var slow = 0.5
    /// Returns of points that were left out before none is left out any more.
    package var returns = 4
    /// Points without weight stay while they are within so many times the distance from optimality of D, the first-order change
    /// of κ for a change of weights of that size being twice the distance, doubled for safety.
    package var margin = 4.0
    /// The distance is taken as this at least.
    package var leastMargin = 1e-3
    /// The working set is packed when less than this of it is left: packing moves as many numbers as an evaluation reads.
    package var worthPacking = 0.85
    /// Conjugate gradients stop at half of the gap, relative to the gradient, within these limits: two digits are what H has in
    /// common with its diagonal after one product, five what single precision has.
    package var accuracy = 1e-5...1e-2
    /// … or when what is left lands this far below the goal.
    package var landing = 0.1
    /// φ may fall by so much of itself for rounding: the logarithms of D pivots.
    package var rounding = 1e-13
    /// Shortest step that counts as one of Newton's method, and the last that is tried: six halvings from 1.
    package var shortestStep = (counted: 1.0 / 64, tried: 1.0 / 128)
    /// Points that may join at once, as a share of those that are there: together they would overshoot.
    package var joining = 1.0 / 8
}
