// Who draws random numbers in a run: one name, and with it one stream, per consumer.

/// A consumer of random numbers. What one draws does not depend on how much another has drawn.
public enum RandomStream: Sendable, Equatable {
    /// Inputs drawn afresh to predict agreement on.
    case agreement
    /// Places at which moments of activations are taken.
    case momentPlaces
    /// Synthetic images.
    case images
    /// Synthetic images for learning alone.
    case learnedImages
    /// The order of given inputs.
    case inputOrder
    /// Mixtures of given inputs.
    case mixtures
    /// Directions along which the factor of a coreset is measured.
    case directions
    /// Places at which the refit of the consumer with this position in forward order looks.
    case site(Int)
    /// The draw of channels of the group with this position.
    case group(Int)
    /// Which inputs a learning run holds out.
    case heldOut
    /// The order of inputs in this round through all of them.
    case epoch(Int)
    /// What is made of the images of this learning step.
    case augmentation(Int)

    /// The stream's number; no two consumers share one.
    var number: UInt64 {
        switch self {
        case .agreement: 1
        case .momentPlaces: 2
        case .images: 4
        case .mixtures: 5
        case .directions: 6
        case .site(let index): 16 + UInt64(index)
        case .group(let index): 1 << 32 + UInt64(index)
        case .heldOut: 7
        case .inputOrder: 8
        case .learnedImages: 9
        case .epoch(let index): 2 << 32 + UInt64(index)
        case .augmentation(let step): 3 << 32 + UInt64(step)
        }
    }
}
