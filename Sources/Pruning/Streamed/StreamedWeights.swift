// The weights of a group that stay in their files, as columns that are read a few at a time.
//
// Channel i is the column of all its incoming weights and biases, the parts of the group one below the other. In a row-major file a
// channel's part is one run of bytes, and so is that of several consecutive channels.

import LinearAlgebra
import TensorFiles

/// A group's channels as the columns of a matrix D×n that is never in memory as a whole.
struct StreamedWeights {
    let store: TensorStore
    let count: Int
    /// D
    let dimension: Int
    /// What of a column is where in which tensor: so many numbers for each channel.
    private let parts: [(entry: TensorStore.Entry, start: Int, length: Int)]
    private let consumers: [(entry: TensorStore.Entry, part: StreamedGroup.Part)]

    /// Numbers that are looked at at a time: 8 MB in double precision.
    private static let most = 1 << 20

    init(_ group: StreamedGroup, in store: TensorStore) {
        self.store = store
        count = group.count
        parts = (group.producers + group.biases).compactMap { part in
            store[part.tensor].map { entry in
                let length = part.width * entry.shape.dropFirst().reduce(1, *)
                return (entry, part.start * length / part.width, length)
            }
        }
        dimension = parts.reduce(0) { $0 + $1.length }
        consumers = group.consumers.compactMap { part in store[part.tensor].map { ($0, part) } }
    }

    /// ‖Vᵢ‖ of every channel: the norm of its columns in the tensors that read it. One read of those.
    func outgoingNorms() throws(PruningError) -> [Double] {
        var sums = [Double](repeating: 0, count: count)
        for (entry, part) in consumers {
            let width = entry.shape[1]
            let step = Swift.max(1, Self.most / width)
            for row in stride(from: 0, to: entry.shape[0], by: step) {
                let rows = row..<Swift.min(row + step, entry.shape[0])
                let values = try read(entry, rows.lowerBound * width..<rows.upperBound * width)
                for start in stride(from: 0, to: values.count, by: width) {
                    for channel in 0..<count {
                        let first = start + part.start + channel * part.width
                        for k in first..<first + part.width { sums[channel] += Double(values[k]) * Double(values[k]) }
                    }
                }
            }
        }
        return sums.map { $0.squareRoot() }
    }

    /// Gives `body` all columns, some at a time. One read of the group's tensors.
    func forEachRun(_ body: (_ first: Int, Matrix) throws(PruningError) -> Void) throws(PruningError) {
        let step = Swift.max(1, Self.most / dimension)
        for first in stride(from: 0, to: count, by: step) {
            let channels = first..<Swift.min(first + step, count)
            var columns = Matrix(rows: dimension, columns: channels.count)
            var row = 0
            for part in parts {
                let values = try read(
                    part.entry, part.start + channels.lowerBound * part.length..<part.start + channels.upperBound * part.length)
                for j in 0..<channels.count {
                    let to = j * dimension + row
                    for k in 0..<part.length { columns.elements[to + k] = Double(values[j * part.length + k]) }
                }
                row += part.length
            }
            try body(first, columns)
        }
    }

    /// Gives `body` rows of all columns, some at a time: for few and long columns.
    func forEachSlice(_ body: (Matrix) throws(PruningError) -> Void) throws(PruningError) {
        let step = Swift.max(1, Self.most / count)
        for part in parts {
            for first in stride(from: 0, to: part.length, by: step) {
                let rows = first..<Swift.min(first + step, part.length)
                var slice = Matrix(rows: rows.count, columns: count)
                for channel in 0..<count {
                    let start = part.start + channel * part.length
                    let values = try read(part.entry, start + rows.lowerBound..<start + rows.upperBound)
                    for k in values.indices { slice.elements[channel * rows.count + k] = Double(values[k]) }
                }
                try body(slice)
            }
        }
    }

    private func read(_ entry: TensorStore.Entry, _ range: Range<Int>) throws(PruningError) -> [Float] {
        let values: [Float]
        do throws(TensorFileError) { values = try store.floats(of: entry, at: range) } catch { throw .file(error) }
        // 0·x is NaN where x is not finite.
        guard values.reduce(0, { $0 + 0 * $1 }) == 0 else {
            let bad = values.firstIndex { !$0.isFinite } ?? 0
            throw .nonFiniteParameter(name: entry.name, index: range.lowerBound + bad)
        }
        return values
    }
}
