// Inputs for a network that comes without any.

import NeuralNetworks

extension Pruner {
    /// Inputs that the settings' input model draws for the network.
    ///
    /// - Returns: the inputs and what they are, in words.
    /// - Throws: `unsupported` where no model fits, and what drawing throws.
    public func drawnInputs() throws(PruningError) -> (inputs: ActivationTensor, text: String) {
        let (source, description) = try inputSource(nil)
        guard case .samples(let inputs) = source else {
            throw .unsupported(what: "learning", needs: "inputs, given or drawn (\(description.text))")
        }
        return (inputs, description.text)
    }
}
