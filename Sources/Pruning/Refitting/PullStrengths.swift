// How strongly refits are pulled towards the weights as they were.

/// λ of PulledReconstruction in a run.
struct PullStrengths: Sendable {
    /// While channels are chosen, when nothing can be held out against the choice.
    let choice: Double
    /// The least that cross-validation may settle on.
    let least: Double
    /// λ that is set; by cross-validation when `nil`.
    let fixed: Double?
    /// Whether the pull leads to the best combination of kept channels for every removed one, and choices are made under a plain ridge.
    ///
    /// A dense chain sees thousands of inputs, each one sample: what they say about combinations is worth more than the weights as they
    /// were (LeNet-300-100 without data, MNIST, three seeds: 94.5 against 92.6 % at 0.2, 78.2 against 77.2 at 0.1).
    let trustsCombinations: Bool

    init(_ inputs: RunInputs, _ settings: PruningSettings) {
        least = inputs.relativeRidge(settings)
        fixed = settings.ridge
        trustsCombinations = inputs.areSingleRows
        // Where places of images are the samples, fits settle on λ from 1e-3 in early layers to 10 in late ones: the middle. A dense
        // chain sees thousands of inputs, and what it keeps may be a tenth: chosen as it will be fitted.
        choice = settings.ridge ?? (inputs.areSingleRows ? least : 0.3)
    }
}
