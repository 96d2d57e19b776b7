// What a pass makes of the multiply–adds that a network's layers are defined by.

extension Network {
    /// Multiply–adds that a pass over one sample makes, or one back to inputs or to weights: those of ``cost``, less what tiles of 3×3
    /// convolutions save (``WinogradConvolution``). Shapes must be known.
    package var passMultiplyAdds: Double {
        nodes.indices.reduce(0) { sum, index in
            let defined = Double(cost(of: index).multiplyAdds ?? 0)
            guard case .convolution(let layer) = nodes[index].layer, let extents = kernelExtents(layer, of: nodes[index]) else {
                return sum + defined
            }
            return sum + (WinogradConvolution.pays(extents) ? WinogradConvolution.multiplyAdds(extents) : defined)
        }
    }

    /// The sizes of a convolution as a kernel sees them; `nil` where a shape is unknown or tensors do not fit.
    func kernelExtents(_ layer: Convolution, of node: Node) -> ConvolutionKernel.Extents? {
        guard let input = values[node.inputs[0]].shape, let output = values[node.outputs[0]].shape,
            let extents = try? convolutionExtents(layer, of: node)
        else { return nil }
        let window = SlidingWindow(
            input: input, output: output, window: extents.kernel, strides: layer.strides, dilations: layer.dilations, padding: layer.padding
        )
        return .init(
            inputs: extents.inputs, height: window.height, width: window.width, outputs: extents.outputs, outHeight: window.outHeight,
            outWidth: window.outWidth, kernelHeight: window.windowY, kernelWidth: window.windowX, strideY: window.strideY,
            strideX: window.strideX, dilationY: window.dilationY, dilationX: window.dilationX, top: window.top, left: window.left,
            groups: layer.groups)
    }
}
