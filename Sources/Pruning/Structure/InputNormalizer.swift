// The constants that a network subtracts from a value and divides it by before anything else reads it: the declared statistics of its
// data, if anything is.

import NeuralNetworks

/// x' = scale·x + shift, of one number or of one per value.
package struct InputNormalizer: Sendable {
    package private(set) var scale: [Double]
    package private(set) var shift: [Double]

    /// Follows a value through sums and products with constants, as long as it has one reader; clipping and changes of shape pass.
    /// `nil` where there are none.
    package init?(of value: Network.ValueID, in network: Network) {
        guard let size = network.values[value].shape?.reduce(1, *) else { return nil }
        var constants: [Network.ValueID: [Float]] = [:]
        for node in network.nodes {
            if case .constant(let name) = node.layer { constants[node.outputs[0]] = network.parameters[name]?.values }
        }
        var (scale, shift) = ([1.0], [0.0])
        var current = value
        var (isFound, isTurned) = (false, false)
        while true {
            let readers = network.nodes.filter { $0.inputs.contains(current) }
            guard readers.count == 1, let node = readers.first, node.outputs.count == 1, !network.outputs.contains(current) else { break }
            let operand = node.inputs.count == 2 ? node.inputs.first { $0 != current }.flatMap { constants[$0] } : nil
            // Constants that repeat along some axes of the value are no vector of it.
            let numbers = operand.flatMap { $0.count == 1 || $0.count == size && !isTurned ? $0.map(Double.init) : nil }
            switch node.layer {
            case .identity, .flatten, .reshape, .activation(.identity), .activation(.function(.clip)): break
            // What is the same for all values stays so in another order.
            case .transpose where !isFound: isTurned = true
            case .add:
                guard let numbers else { return nil }
                shift = InputNormalizer.combined(shift, numbers, +)
                isFound = true
            case .multiply:
                guard let numbers else { return nil }
                (scale, shift) = (InputNormalizer.combined(scale, numbers, *), InputNormalizer.combined(shift, numbers, *))
                isFound = true
            default:
                guard isFound, scale.allSatisfy({ $0 != 0 && $0.isFinite }), shift.allSatisfy(\.isFinite) else { return nil }
                (self.scale, self.shift) = (scale, shift)
                return
            }
            current = node.outputs[0]
        }
        guard isFound, scale.allSatisfy({ $0 != 0 && $0.isFinite }), shift.allSatisfy(\.isFinite) else { return nil }
        (self.scale, self.shift) = (scale, shift)
    }

    private static func combined(_ a: [Double], _ b: [Double], _ operation: (Double, Double) -> Double) -> [Double] {
        (0..<Swift.max(a.count, b.count)).map { operation(a[a.count == 1 ? 0 : $0], b[b.count == 1 ? 0 : $0]) }
    }

    /// Mean and deviation that become 0 and 1.
    package func statistics(at index: Int) -> (mean: Double, deviation: Double) {
        let (a, b) = (scale[scale.count == 1 ? 0 : index], shift[shift.count == 1 ? 0 : index])
        return (-b / a, 1 / a.magnitude)
    }

    /// Whether it brings bytes to values about 1: 1/255, 1/256, 1/128, 1/127.5.
    package var isOfBytes: Bool { scale.count == 1 && scale[0].magnitude < 1.0 / 60 && scale[0].magnitude > 1.0 / 300 }
}
