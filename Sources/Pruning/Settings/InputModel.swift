// Where means and covariances come from.

/// Where means and covariances of activations come from.
public enum InputModel: String, Sendable, Codable, CaseIterable {
    /// Calibration images when given, else the strongest model that fits the network.
    case auto
    /// Gaussian inputs, moments in closed form (dense networks).
    case gaussian
    /// Class-ascended samples of the Gaussian prior (dense networks).
    case ascended
    /// Gaussian channels with the means and deviations that batch normalizations store, correlations by formula; nothing is drawn.
    case batchNorm = "batch-norm"
    /// Synthetic images: matched to the batch normalizations, or of declared pixel statistics where there are none.
    case synthetic
    /// Activations on images that the user gave.
    case calibration
}
