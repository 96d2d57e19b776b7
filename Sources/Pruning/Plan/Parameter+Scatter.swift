// The inverse of a cut.

import NeuralNetworks

extension Parameter {
    /// Writes a smaller tensor at the given positions of every axis.
    mutating func scatter(_ small: Parameter, at axes: [[Int]]) {
        var index = [Int](repeating: 0, count: axes.count)
        for value in small.values {
            var place = 0
            for axis in axes.indices { place = place * shape[axis] + axes[axis][index[axis]] }
            values[place] = value
            for axis in axes.indices.reversed() {
                index[axis] += 1
                if index[axis] < axes[axis].count { break }
                index[axis] = 0
            }
        }
    }
}
