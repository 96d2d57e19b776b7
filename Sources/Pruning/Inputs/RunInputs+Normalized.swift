// Gaussian channels with the marginals that batch normalizations store.

import NeuralNetworks

extension RunInputs {
    /// Moments of the input's channels; behind them batch normalizations tell means and deviations.
    static func normalized(chain: DenseChain?, for run: PruningRun) throws(PruningError) -> RunInputs {
        guard run.network.nodes.contains(where: \.layer.isBatchNormalization), let shape = run.inputShape, let channels = shape.first else {
            throw .unsupported(.inputModel, value: InputModel.batchNorm.rawValue, needs: .batchNormalization)
        }
        let (prior, warnings) = run.prior
        // An image's channels are alike at every place; features are channels of their own.
        let moments = try prior.moments(
            shape: shape.count > 1 && chain == nil ? [channels, 1, 1] : shape, columnNorms: nil, shift: run.settings.inputShift,
            scale: run.settings.inputScale)
        return RunInputs(
            .normalized(moments, correlation: prior.correlation), .normalized(prior: prior), chain: chain, warnings: warnings)
    }
}
