// Inputs for a network that comes without any.

import NeuralNetworks

extension Pruner {
    /// Inputs that the settings' input model draws for the network; with settings for learning as many as that takes in.
    ///
    /// - Returns: the inputs and where they come from.
    /// - Throws: `unsupported` where no model fits, and what drawing throws.
    public func drawnInputs() throws(PruningError) -> (inputs: ActivationTensor, provenance: InputProvenance) {
        let run = PruningRun(
            network, merges: ExactMerges(keeping: network, groupCount: groups.count), groups: groups, settings: settings,
            isGivenInputs: false, observer: nil)
        let drawn = try RunInputs(nil, for: run)
        guard let samples = settings.learning == nil ? drawn.samples : drawn.learned else {
            throw .unsupported(.inputModel, value: settings.inputModel.rawValue, needs: .calibrationImages)
        }
        return (samples, drawn.provenance)
    }
}
