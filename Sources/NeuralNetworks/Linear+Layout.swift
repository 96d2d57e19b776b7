// The two ways in which a linear layer's weight may be stored, (out, in) and (in, out): what is asked of either, asked once.

extension Linear {
    /// Axis of the weight that counts outputs.
    package var outputAxis: Int { isTransposed ? 1 : 0 }
    /// Axis of the weight that counts inputs.
    package var inputAxis: Int { isTransposed ? 0 : 1 }

    /// Outputs and inputs of a weight of the given shape, a matrix.
    package func widths(of shape: [Int]) -> (outputs: Int, inputs: Int) { (shape[outputAxis], shape[inputAxis]) }

    /// How far apart neighboring outputs and neighboring inputs of a weight lie, in elements.
    package func strides(outputs: Int, inputs: Int) -> (output: Int, input: Int) {
        isTransposed ? (1, outputs) : (inputs, 1)
    }

    /// The weight with one row per output, whatever way it is stored. Precondition: a matrix.
    package func outputRows(of weight: Parameter) -> Parameter { isTransposed ? weight.transposed() : weight }
}
