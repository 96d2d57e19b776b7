// The flags of pruning, but for how much stays, as typed settings.

import ArgumentParser
import Pruning

/// What may be cut, on which inputs, and by which method; for every verb that prunes.
struct PruningOptions: ParsableArguments {
    @OptionGroup(title: "What may be cut")
    var limits: LimitOptions

    @OptionGroup(title: "Inputs where no data are given")
    var inputs: AssumedInputOptions

    @OptionGroup(title: "Method")
    var method: MethodOptions

    /// The settings these flags describe, for images scaled by `images`.
    ///
    /// - Parameter triesSizes: whether plans of several sizes are made.
    func settings(_ budget: Budget, images: ImageOptions, triesSizes: Bool = false) -> PruningSettings {
        var settings = method.settings(budget, triesSizes: triesSizes)
        limits.apply(to: &settings)
        inputs.apply(to: &settings, images: images)
        return settings
    }
}
