// Images of networks that read their channels last: drawn as for any other network, and turned.

import NeuralNetworks

extension PruningRun {
    /// The same run on the network with channels first; `nil` where it has them already, or reads no image.
    var takingChannelsFirst: PruningRun? {
        guard let turned = network.takingChannelsFirst(shape: inputShape) else { return nil }
        var settings = settings
        settings.inputShape = nil
        return PruningRun(self, turned: turned, settings: settings)
    }
}

extension RunInputs {
    /// Images (channels, height, width) as (height, width, channels).
    var withChannelsLast: RunInputs {
        let content: Content = if case .samples(let samples) = content { .samples(samples.withChannelsLast) } else { content }
        let unseen: Judge =
            switch unseen {
            case .heldOut(let images): .heldOut(images.withChannelsLast)
            case .recognized(let images): .recognized(images.withChannelsLast)
            case .otherKind(let images, let boundsAgreement): .otherKind(images.withChannelsLast, boundsAgreement: boundsAgreement)
            case .sameKind(let images): .sameKind(images.withChannelsLast)
            case .none: .none
            }
        var turned: (@Sendable () -> ActivationTensor?)?
        if let others { turned = { others()?.withChannelsLast } }
        return RunInputs(content, provenance, chain: chain, warnings: warnings, unseen: unseen, others: turned)
    }
}
