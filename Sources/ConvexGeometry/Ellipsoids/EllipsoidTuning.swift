/// The numbers of column generation and of its two masters, in one value, so that what stands beside each can be measured
/// (`EllipsoidTuningTable`). None of them is in an answer: certificates are made of the raw points.
package struct EllipsoidTuning: Sendable {
    package var candidates = CandidateTuning()
    package var projectedNewton = ProjectedNewtonTuning()
    package var interiorPoint = InteriorPointTuning()

    package static let standard = EllipsoidTuning()
}
