// Places of samples at which a refit looks.

import RandomNumbers

/// One place of one sample of a batch.
struct SampledPlace: Sendable, Equatable {
    var sample: Int
    var place: Int

    /// Up to `limit` distinct places of every sample, ascending; all places when there are no more.
    static func draw(samples: Int, places: Int, limit: Int, using generator: inout SeededGenerator) -> [SampledPlace] {
        guard places > limit else {
            return (0..<samples).flatMap { s in (0..<places).map { SampledPlace(sample: s, place: $0) } }
        }
        return (0..<samples).flatMap { s in
            // Floyd's algorithm: a uniform subset in as many draws as it has members.
            var chosen: Set<Int> = []
            for j in places - limit..<places {
                let candidate = Int.random(in: 0...j, using: &generator)
                chosen.insert(chosen.contains(candidate) ? j : candidate)
            }
            return chosen.sorted().map { SampledPlace(sample: s, place: $0) }
        }
    }
}
