extension Layer {
    /// The same kind of layer, whatever its parameters and attributes.
    func isSameOperation(as other: Layer) -> Bool {
        switch (self, other) {
        case (.linear, .linear), (.convolution, .convolution), (.batchNormalization, .batchNormalization), (.normalization, .normalization),
            (.pooling, .pooling), (.split, .split), (.reshape, .reshape), (.padding, .padding), (.slice, .slice), (.attention, .attention),
            (.gather, .gather), (.convolutionTranspose, .convolutionTranspose), (.recurrent, .recurrent):
            true
        default: self == other
        }
    }
}
