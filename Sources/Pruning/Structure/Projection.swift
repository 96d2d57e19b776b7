// The linear map that a recurrent layer or a transposed convolution begins with.
//
//   recurrent               a_t = W·x_t + b_W           one value per direction, gate and unit at every step, before the recurrence
//   transposed convolution  z_p = W·x_p                 one value per output and tap of the kernel at every place, before they are
//                                                       scattered and added up
// Behind both, the layer does the same whatever was refitted: what is linear is fitted where it is linear. Values that are added up
// behind have errors that may cancel, which the fit does not count on.

import LinearAlgebra
import NeuralNetworks

/// How the values of the map belong to what the layer makes.
struct Projection: Sendable {
    /// The axis of the weight that runs over what the layer makes.
    let outputAxis: Int
    /// Where what the layer shows is counted: an axis of a parameter, and its extent.
    let observed: (parameter: String, axis: Int, count: Int)
    /// Bias of every value.
    let bias: [Double]
    /// Channels are the last axis of what the layer reads.
    let readsLastAxis: Bool
    /// Values of the map that go with one position of `outputAxis`.
    private let values: @Sendable (Int) -> [Int]

    /// `nil` for layers that are linear themselves.
    init?(_ layer: GroupConsumer, in network: Network) throws(PruningError) {
        guard let shape = network.parameters[layer.weight]?.shape else { return nil }
        switch network.nodes[layer.node].layer {
        case .recurrent(let recurrent):
            let (directions, rows) = (recurrent.direction.count, recurrent.kind.gates * recurrent.hidden)
            guard shape.count == 3, shape[0] == directions, shape[1] == rows else {
                throw .missingParameter(name: layer.weight, layer: nil)
            }
            outputAxis = 1
            observed = (recurrent.recurrence, 2, recurrent.hidden)
            readsLastAxis = true
            var bias = [Double](repeating: 0, count: directions * rows)
            if let name = recurrent.bias {
                let stored = try network.values(of: name)
                guard stored.count == 2 * bias.count else { throw .missingParameter(name: name, layer: nil) }
                for i in bias.indices { bias[i] = Double(stored[i / rows * 2 * rows + i % rows]) }
            }
            self.bias = bias
            values = { row in (0..<directions).map { $0 * rows + row } }
        case .convolutionTranspose:
            let (outputs, taps) = (shape[1], shape.dropFirst(2).reduce(1, *))
            outputAxis = 1
            observed = (layer.weight, 1, outputs)
            readsLastAxis = false
            bias = [Double](repeating: 0, count: outputs * taps)
            values = { output in Array(output * taps..<(output + 1) * taps) }
        default: return nil
        }
    }

    /// Values of the map that go with one position of `outputAxis`.
    func values(at position: Int) -> [Int] { values(position) }
}
