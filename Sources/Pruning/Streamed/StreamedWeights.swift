// The weights of a group that stay in their files, as columns that are read a few at a time.
//
// Channel i is the column of all its incoming weights and biases, the parts of the group one below the other. Where the channels are the
// first axis of a row-major tensor, a channel's part is one run of bytes, and so is that of several consecutive channels. Where they are a
// later axis (weights stored (in, out)), several consecutive channels are a short run in every block of the axes before.

import LinearAlgebra
import NeuralNetworks
import TensorFiles

/// A group's channels as the columns of a matrix D×n that is never in memory as a whole.
struct StreamedWeights {
    /// A tensor that holds some of every channel.
    struct Part {
        let tensor: StoredTensor
        /// The axis that the channels index, and where on it they are.
        let axis: Int
        let map: IndexMap
        /// What everything at a position of the axis is multiplied by; nil for 1.
        var scales: [Double]?

        init(_ tensor: StoredTensor, axis: Int, map: IndexMap, scales: [Double]? = nil) {
            (self.tensor, self.axis, self.map, self.scales) = (tensor, axis, map, scales)
        }

        /// Extents before, on and behind the axis.
        var extents: (outer: Int, own: Int, inner: Int) {
            let shape = tensor.storedShape
            return (shape[..<axis].reduce(1, *), shape[axis], shape[(axis + 1)...].reduce(1, *))
        }
        /// Positions of one channel.
        var width: Int { map.offsets.count * map.run }
        /// Numbers of one channel.
        var length: Int { extents.outer * width * extents.inner }
    }

    /// The group's name, for messages.
    let name: String
    /// n
    let count: Int
    /// D
    let dimension: Int
    private let parts: [Part]
    /// Further rows of the matrix: one number for each channel.
    private let rows: [[Double]]
    private let consumers: [Part]

    /// Numbers that are looked at at a time: 8 MB in double precision.
    private static let most = 1 << 20
    /// The same where the runs in the file are shorter the fewer there are.
    private static let mostInRuns = 1 << 22

    init(name: String, count: Int, parts: [Part], rows: [[Double]] = [], consumers: [Part]) {
        (self.name, self.count, self.parts, self.rows, self.consumers) = (name, count, parts, rows, consumers)
        dimension = parts.reduce(rows.count) { $0 + $1.length }
    }

    /// ‖Vᵢ‖ of every channel: the norm of its numbers in the tensors that read it. One read of those.
    func outgoingNorms() throws(PruningError) -> [Double] {
        var sums = [Double](repeating: 0, count: count)
        for part in consumers {
            let squares = try squares(of: part)
            for channel in 0..<count { sums[channel] += part.map.positions(of: channel).reduce(0) { $0 + squares[$1] } }
        }
        return sums.map { $0.squareRoot() }
    }

    /// Sums of squares at every position of a part's axis.
    private func squares(of part: Part) throws(PruningError) -> [Double] {
        let (_, extent, inner) = part.extents
        let total = part.tensor.storedCount
        var sums = [Double](repeating: 0, count: extent)
        var values: [Float] = []
        for start in stride(from: 0, to: total, by: Self.most) {
            let count = Swift.min(Self.most, total - start)
            try read(part.tensor, start..<start + count, into: &values)
            sums.withUnsafeMutableBufferPointer { sums in
                values.withUnsafeBufferPointer { values in
                    var place = 0
                    while place < count {
                        let position = (start + place) / inner % extent
                        if inner == 1 {
                            let run = Swift.min(extent - position, count - place)
                            for k in 0..<run { sums[position + k] += Double(values[place + k]) * Double(values[place + k]) }
                            place += run
                        } else {
                            let run = Swift.min(inner - (start + place) % inner, count - place)
                            var sum = 0.0
                            for k in place..<place + run { sum += Double(values[k]) * Double(values[k]) }
                            sums[position] += sum
                            place += run
                        }
                    }
                }
            }
        }
        return sums
    }

    /// Gives `body` all columns, each times its scale, some at a time. One read of the group's tensors.
    func forEachRun(scales: [Double]? = nil, _ body: (_ first: Int, Matrix) throws(PruningError) -> Void) throws(PruningError) {
        let most = parts.contains { $0.axis > 0 } ? Self.mostInRuns : Self.most
        let step = Swift.min(count, Swift.max(1, most / Swift.max(1, dimension)))
        // Both are filled again and again: fresh memory costs the system more than the products do.
        var (columns, values) = (Matrix(rows: dimension, columns: step), [Float]())
        for first in stride(from: 0, to: count, by: Swift.max(1, step)) {
            let channels = first..<Swift.min(first + step, count)
            if channels.count < columns.columns { columns = Matrix(rows: dimension, columns: channels.count) }
            var row = 0
            for part in parts {
                try fill(&columns, from: row, part, channels, scales, &values)
                row += part.length
            }
            for numbers in rows {
                for j in 0..<channels.count {
                    columns[row, j] = numbers[channels.lowerBound + j] * (scales?[channels.lowerBound + j] ?? 1)
                }
                row += 1
            }
            try body(first, columns)
        }
    }

    /// Puts a part's numbers of some channels into the rows from `row` on.
    private func fill(
        _ columns: inout Matrix, from row: Int, _ part: Part, _ channels: Range<Int>, _ scales: [Double]?, _ values: inout [Float]
    ) throws(PruningError) {
        let (outer, extent, inner) = part.extents
        let (map, dimension) = (part.map, columns.rows)
        let span = (channels.count - 1) * map.stride + map.run
        let length = map.run * inner
        var row = row
        for block in 0..<outer {
            for offset in map.offsets {
                let position = offset + channels.lowerBound * map.stride
                let start = (block * extent + position) * inner
                try read(part.tensor, start..<start + span * inner, into: &values)
                columns.elements.withUnsafeMutableBufferPointer { elements in
                    values.withUnsafeBufferPointer { values in
                        for j in 0..<channels.count {
                            let (from, to) = (j * map.stride * inner, j * dimension + row)
                            let scale = scales?[channels.lowerBound + j] ?? 1
                            guard let own = part.scales else {
                                for k in 0..<length { elements[to + k] = Double(values[from + k]) * scale }
                                continue
                            }
                            for k in 0..<length {
                                elements[to + k] = Double(values[from + k]) * (scale * own[position + j * map.stride + k / inner])
                            }
                        }
                    }
                }
                row += length
            }
        }
    }

    /// Gives `body` rows of all columns, some at a time: for few and long columns.
    func forEachSlice(_ body: (Matrix) throws(PruningError) -> Void) throws(PruningError) {
        let step = Swift.max(1, Self.most / Swift.max(1, count))
        for part in parts {
            if part.axis == 0 { try forEachSlice(of: part, step, body) } else { try forEachBlock(of: part, step, body) }
        }
        if !rows.isEmpty { try body(Matrix(rows: rows.count, columns: count) { i, j in rows[i][j] }) }
    }

    private func forEachSlice(of part: Part, _ step: Int, _ body: (Matrix) throws(PruningError) -> Void) throws(PruningError) {
        let inner = part.extents.inner
        var values: [Float] = []
        for place in 0..<part.width {
            for first in stride(from: 0, to: inner, by: step) {
                let rows = Swift.min(step, inner - first)
                var slice = Matrix(rows: rows, columns: count)
                for channel in 0..<count {
                    let position = part.map.positions(of: channel)[place]
                    let scale = part.scales?[position] ?? 1
                    try read(part.tensor, position * inner + first..<position * inner + first + rows, into: &values)
                    for k in 0..<rows { slice.elements[channel * rows + k] = scale * Double(values[k]) }
                }
                try body(slice)
            }
        }
    }

    /// The same where the channels are not the first axis: whole blocks of the axes before.
    private func forEachBlock(of part: Part, _ step: Int, _ body: (Matrix) throws(PruningError) -> Void) throws(PruningError) {
        let (outer, extent, inner) = part.extents
        let height = part.width * inner
        let places = (0..<count).map { part.map.positions(of: $0) }
        let most = Swift.max(1, step / Swift.max(1, height))
        var values: [Float] = []
        for first in stride(from: 0, to: outer, by: most) {
            let blocks = Swift.min(most, outer - first)
            try read(part.tensor, first * extent * inner..<(first + blocks) * extent * inner, into: &values)
            var slice = Matrix(rows: blocks * height, columns: count)
            for channel in 0..<count {
                var to = channel * slice.rows
                for block in 0..<blocks {
                    for position in places[channel] {
                        let (from, scale) = ((block * extent + position) * inner, part.scales?[position] ?? 1)
                        for k in 0..<inner { slice.elements[to + k] = scale * Double(values[from + k]) }
                        to += inner
                    }
                }
            }
            try body(slice)
        }
    }

    /// Reads numbers into the beginning of an array, which grows where it has to.
    private func read(_ tensor: StoredTensor, _ range: Range<Int>, into values: inout [Float]) throws(PruningError) {
        if values.count < range.count { values = [Float](repeating: 0, count: range.count) }
        var failure: TensorFileError?
        let isFinite = values.withUnsafeMutableBufferPointer { values in
            let part = UnsafeMutableBufferPointer(rebasing: values[..<range.count])
            do throws(TensorFileError) { try tensor.read(range, into: part) } catch { failure = error }
            return failure != nil || Self.areFinite(UnsafeBufferPointer(part))
        }
        if let failure { throw .file(failure) }
        guard isFinite else {
            let bad = values[..<range.count].firstIndex { !$0.isFinite } ?? 0
            throw .nonFiniteParameter(name: tensor.name, index: range.lowerBound + bad)
        }
    }

    /// Whether all numbers are finite: 0·x is NaN where x is not, and so is every sum with it.
    private static func areFinite(_ values: UnsafeBufferPointer<Float>) -> Bool {
        let bytes = UnsafeRawBufferPointer(values)
        var sums = SIMD16<Float>.zero
        let whole = values.count / 16 * 16
        for k in stride(from: 0, to: whole, by: 16) { sums += 0 * bytes.loadUnaligned(fromByteOffset: 4 * k, as: SIMD16<Float>.self) }
        return sums.sum() + values[whole...].reduce(0) { $0 + 0 * $1 } == 0
    }
}
