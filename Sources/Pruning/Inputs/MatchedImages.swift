// Images moved until the batch normalizations recognize their statistics.
//
// Stored means and deviations are all that a batch-normalized network remembers of its data: images that agree with them at every
// depth excite the channels together as the data did, which is what a refit needs. The mismatch L is that of
// NormalizationMismatch. Each round shuffles the images into groups, and every group takes one step against the gradient of L:
//   1. shift the group by a random offset (what leaves on one side enters on the other) and mirror it or not;
//   2. observe the exact statistics of the whole group, a pass forward;
//   3. its gradient at the seeds of these statistics, a pass forward and one back;
//   4. undo 1 and step by Adam, its rate rising over the first rounds and then falling as a cosine; stay inside the range.
// Seeds from statistics that are a step old, or moved by a part of the group, overshoot: all images move together, and so does a
// mean. Groups change every round, so that no set of images only balances itself.
// Memory: the images, three times, and one chunk of activations. Cost per round: three passes over all images.
// Sources: Yin et al., CVPR 2020 (images from batch-normalization statistics); Kingma & Ba, ICLR 2015 (Adam).

import RandomNumbers
import NeuralNetworks
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Images optimized towards stored batch-normalization statistics.
package struct MatchedImages: Sendable {
    /// How far and how fast.
    package struct Settings: Sendable {
        /// Rounds: steps of every image.
        package var rounds = 20
        /// Largest step, in units of the pixel range, decided on ResNet-20 (keep 0.5, two seeds: 80.7 % with 0.02, 78.1 % with 0.045,
        /// which goes as far but leaves less of the picture). EfficientNet-Lite0 took no part in that: at 0.7 of the multiply–adds
        /// 70.0 % with photographs as they are, 78.0 % with these steps.
        package var step = 0.02
        /// Rounds over which the step grows to its largest.
        package var warmUp = 5
        /// Adam's decay of the first and of the second moment: the objective changes with every group, so both forget within
        /// ten steps.
        package var decay: (Double, Double) = (0.5, 0.9)
        /// Images whose statistics are taken together, at least half of it: a mean of fewer is noise.
        package var groupSize = 64
        /// Largest shift, as a share of the side.
        package var shift = 1.0 / 16

        package init() {}
    }

    /// The images as moved, or the start where moving them made the mismatch larger.
    package let images: ActivationTensor
    /// L before the first step and behind the last, each over all images.
    package let mismatch: (start: Double, end: Double)
    /// L before each round's steps, a mean over its groups.
    package let course: [Double]
    /// Whether the images moved; otherwise ``images`` is the start.
    package let isMoved: Bool

    /// - Parameters:
    ///   - start: normalized images, (N, channels, …), of any size that the network's layers take.
    ///   - low, high: least and largest value per channel after normalization.
    /// - Throws: ``NetworkError`` when a layer cannot be differentiated or evaluated.
    package init(
        _ start: ActivationTensor, network: Network, low: [Float], high: [Float], settings: Settings = Settings(),
        using generator: inout SeededGenerator
    ) throws(NetworkError) {
        let gradient = try InputGradient(network, inputShape: start.sampleShape)
        let count = start.batchCount
        let groups = Swift.max(1, (count + settings.groupSize - 1) / settings.groupSize)
        var images = start
        var adam = Adam(count: start.values.count, decay: settings.decay)
        var course: [Double] = []
        for round in 0..<settings.rounds {
            let rate = settings.step * Self.schedule(round, settings)
            let order = (0..<count).shuffled(using: &generator)
            var mismatch = 0.0
            for group in 0..<groups {
                let members = Array(order[group * count / groups..<(group + 1) * count / groups])
                guard !members.isEmpty else { continue }
                let view = SpatialView(start.sampleShape, share: settings.shift, using: &generator)
                let seen = images.gathered(members, view)
                let (own, seeds) = NormalizationMismatch.value(
                    of: try gradient.normalizationStatistics(of: seen), network: network,
                    values: gradient.valuesPerSample.mapValues { $0 * members.count })
                mismatch += own * Double(members.count) / Double(count)
                let slope = try gradient.gradient(at: seen, normalizationSeeds: seeds)
                adam.step(&images, members, against: slope, seenBy: view, rate: rate, round: round, low: low, high: high)
            }
            course.append(mismatch)
            guard mismatch.isFinite else { break }
            // The rate falls to nothing: what has not moved by a hundredth in three rounds of small steps will not.
            if round > settings.rounds / 2, course.count > 3, course[course.count - 4] - mismatch <= 0.01 * mismatch { break }
        }
        let before = try Self.mismatch(of: start, gradient, network)
        let after = try Self.mismatch(of: images, gradient, network)
        isMoved = after < before
        self.images = isMoved ? images : start
        mismatch = (before, after)
        self.course = course
    }

    private static func mismatch(
        of images: ActivationTensor, _ gradient: InputGradient, _ network: Network
    ) throws(NetworkError) -> Double {
        try NormalizationMismatch.value(
            of: gradient.normalizationStatistics(of: images), network: network,
            values: gradient.valuesPerSample.mapValues { $0 * images.batchCount }
        ).mismatch
    }

    /// A line upwards, then half a cosine down to zero behind the last round.
    private static func schedule(_ round: Int, _ settings: Settings) -> Double {
        let warmUp = Swift.min(settings.warmUp, settings.rounds / 2)
        guard round >= warmUp else { return Double(round + 1) / Double(warmUp + 1) }
        return 0.5 * (1 + cos(Double.pi * Double(round - warmUp) / Double(settings.rounds - warmUp)))
    }
}

/// Adam on the images of a batch; every image has taken as many steps as rounds have passed.
private struct Adam {
    private var first: [Float]
    private var second: [Float]
    private let decay: (Double, Double)

    init(count: Int, decay: (Double, Double)) {
        first = [Float](repeating: 0, count: count)
        second = first
        self.decay = decay
    }

    mutating func step(
        _ images: inout ActivationTensor, _ members: [Int], against slope: ActivationTensor, seenBy view: SpatialView, rate: Double,
        round: Int, low: [Float], high: [Float]
    ) {
        let (decay1, decay2) = (Float(decay.0), Float(decay.1))
        let correction1 = Float(1 / (1 - pow(decay.0, Double(round + 1))))
        let correction2 = Float(1 / (1 - pow(decay.1, Double(round + 1))))
        let area = images.sampleSize / low.count
        for (row, member) in members.enumerated() {
            for c in low.indices {
                let step = Float(rate) * (high[c] - low[c])
                let (source, target) = ((row * low.count + c) * area, (member * low.count + c) * area)
                for place in 0..<area {
                    let i = target + view.origin(of: place)
                    let g = slope.values[source + place]
                    first[i] = decay1 * first[i] + (1 - decay1) * g
                    second[i] = decay2 * second[i] + (1 - decay2) * g * g
                    // Where no gradient has ever been, nothing moves.
                    let size = (second[i] * correction2).squareRoot()
                    let move = size > 0 ? step * first[i] * correction1 / size : 0
                    images.values[i] = Swift.min(high[c], Swift.max(low[c], images.values[i] - move))
                }
            }
        }
    }
}

/// A cyclic shift of the places of a plane, mirrored or not.
private struct SpatialView {
    private let height, width, down, right: Int
    private let isMirrored: Bool

    init(_ shape: [Int], share: Double, using generator: inout SeededGenerator) {
        height = shape.count == 3 ? shape[1] : 1
        width = shape.dropFirst().reduce(1, *) / Swift.max(1, height)
        let (most, across) = (Int(Double(height) * share), Int(Double(width) * share))
        down = Int.random(in: -most...most, using: &generator)
        right = Int.random(in: -across...across, using: &generator)
        // Signals and spectra run one way: only planes are mirrored.
        isMirrored = shape.count == 3 && generator.uniform() < 0.5
    }

    /// The place of the image that is seen at `place`.
    func origin(of place: Int) -> Int {
        let (y, x) = (place / width, place % width)
        let row = (y + down + height) % height
        let column = (x + right + width) % width
        return row * width + (isMirrored ? width - 1 - column : column)
    }
}

extension ActivationTensor {
    /// Some images as a view shows them.
    fileprivate func gathered(_ members: [Int], _ view: SpatialView) -> ActivationTensor {
        let size = sampleSize
        let area = shape.dropFirst(2).reduce(1, *)
        let origins = (0..<area).map(view.origin)
        var seen: [Float] = []
        seen.reserveCapacity(members.count * size)
        for member in members {
            for plane in stride(from: member * size, to: (member + 1) * size, by: area) {
                for origin in origins { seen.append(values[plane + origin]) }
            }
        }
        return ActivationTensor(shape: [members.count] + sampleShape, values: seen)
    }
}
