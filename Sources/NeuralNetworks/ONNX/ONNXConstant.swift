// What is known of a tensor before the network runs: trained values, and shape arithmetic with the batch size left open.

import TensorFiles

/// An extent of a shape, or any integer computed from extents.
enum ONNXExtent: Equatable, Sendable {
    case known(Int)
    /// The number of samples in the batch.
    case batch
    /// Anything else that only a run would tell.
    case unknown

    var known: Int? { if case .known(let value) = self { value } else { nil } }

    /// The number for one sample.
    var atOneSample: Int? {
        switch self {
        case .known(let value): value
        case .batch: 1
        case .unknown: nil
        }
    }
}

/// An axis of an activation, counted as the model counts it.
struct ONNXAxis: Hashable, Sendable {
    var value: Network.ValueID
    var axis: Int
}

/// A tensor whose elements are known, at least as extents.
struct ONNXConstant: Sendable {
    enum Elements: Sendable {
        case floats([Float])
        case integers([ONNXExtent])
        /// Numbers of a tensor of the file that are not read.
        case stored(StoredTensor)

        var count: Int {
            switch self {
            case .floats(let values): values.count
            case .integers(let values): values.count
            case .stored(let tensor): tensor.elementCount
            }
        }
    }

    var shape: [Int]
    var elements: Elements
    /// Element type in the file; for computed constants that of what they were computed from.
    var dtype: DType
    /// Extents that the elements were computed from; empty for what the file states itself.
    var sources: Set<ONNXAxis> = []
    /// The same by element, for short vectors of extents.
    var elementSources: [Set<ONNXAxis>]?

    init(
        shape: [Int], elements: Elements, dtype: DType? = nil, sources: Set<ONNXAxis> = [], elementSources: [Set<ONNXAxis>]? = nil
    ) {
        self.shape = shape
        self.elements = elements
        self.elementSources = elementSources
        self.sources = elementSources.map { $0.reduce(into: sources) { $0.formUnion($1) } } ?? sources
        switch elements {
        case .floats: self.dtype = dtype ?? .f32
        case .integers: self.dtype = dtype ?? .i64
        case .stored(let tensor): self.dtype = tensor.dtype
        }
    }

    /// No shape of an activation in its past: a run with smaller tensors would find the same elements.
    var isLiteral: Bool { sources.isEmpty }

    /// The only element, as a number.
    var scalar: Float? {
        guard elements.count == 1 else { return nil }
        switch elements {
        case .floats(let values): return values[0]
        case .integers(let values): return values[0].atOneSample.map(Float.init)
        case .stored: return nil
        }
    }

    /// All elements are numbers, in memory or in the file.
    var isKnown: Bool {
        switch elements {
        case .floats, .stored: true
        case .integers(let values): values.allSatisfy { $0.atOneSample != nil }
        }
    }

    /// The constant with its numbers in memory.
    func loaded(_ name: String) throws(NetworkError) -> ONNXConstant {
        guard case .stored(let tensor) = elements else { return self }
        var result = self
        do throws(TensorFileError) { result.elements = .floats(try tensor.floats()) } catch { throw .tensor(name: name, cause: error) }
        return result
    }

    /// The elements as floats; `nil` when one is not known, or not in memory.
    var floats: [Float]? {
        switch elements {
        case .floats(let values): return values
        case .integers(let values):
            let known = values.compactMap(\.atOneSample)
            return known.count == values.count ? known.map(Float.init) : nil
        case .stored: return nil
        }
    }

    /// The elements as extents; `nil` when one is not an integer.
    var extents: [ONNXExtent]? {
        switch elements {
        case .integers(let values): return values
        case .floats(let values):
            let integers = values.compactMap { Int(exactly: $0) }
            return integers.count == values.count ? integers.map(ONNXExtent.known) : nil
        case .stored: return nil
        }
    }

    /// The elements as integers, for one sample; `nil` when one is not known.
    var integers: [Int]? {
        guard let extents else { return nil }
        let known = extents.compactMap(\.atOneSample)
        return known.count == extents.count ? known : nil
    }

    /// A vector of extents.
    static func vector(_ extents: [ONNXExtent], elementSources: [Set<ONNXAxis>]? = nil) -> ONNXConstant {
        ONNXConstant(shape: [extents.count], elements: .integers(extents), elementSources: elementSources)
    }

    /// The elements at the given positions under a new shape.
    func taking(_ positions: [Int], shape: [Int]) -> ONNXConstant {
        var result = self
        result.shape = shape
        if let elementSources {
            let taken = positions.map { elementSources[$0] }
            result.elementSources = taken
            result.sources = taken.reduce(into: []) { $0.formUnion($1) }
        }
        switch elements {
        case .floats(let values): result.elements = .floats(positions.map { values[$0] })
        case .integers(let values): result.elements = .integers(positions.map { values[$0] })
        case .stored: preconditionFailure("numbers are read before some of them are taken")
        }
        return result
    }

    func reshaped(_ shape: [Int]) -> ONNXConstant {
        var result = self
        result.shape = shape
        return result
    }
}

/// Row-major positions.
enum RowMajor {
    /// Elements of a shape; `nil` when an extent is negative or the product is too large to be sensible.
    static func count(_ shape: [Int]) -> Int? {
        var count = 1
        for extent in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: extent)
            guard extent >= 0, !overflow, product < 1 << 40 else { return nil }
            count = product
        }
        return count
    }

    static func strides(_ shape: [Int]) -> [Int] {
        var strides = [Int](repeating: 1, count: shape.count)
        for axis in shape.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * shape[axis + 1] }
        return strides
    }

    /// An axis counted from the front; `nil` when there is none such.
    static func position(_ axis: Int, rank: Int) -> Int? {
        let position = axis < 0 ? axis &+ rank : axis
        return (0..<max(rank, 0)).contains(position) ? position : nil
    }

    /// Positions in a source, visited in row-major order of `shape`, when each axis moves by the given stride.
    static func positions(shape: [Int], strides: [Int], start: Int = 0) -> [Int] {
        guard let count = count(shape), count > 0 else { return [] }
        var result: [Int] = []
        result.reserveCapacity(count)
        var index = [Int](repeating: 0, count: shape.count)
        var position = start
        for _ in 0..<count {
            result.append(position)
            for axis in shape.indices.reversed() {
                index[axis] += 1
                position += strides[axis]
                if index[axis] < shape[axis] { break }
                position -= strides[axis] * shape[axis]
                index[axis] = 0
            }
        }
        return result
    }

    /// The common shape of two that broadcast; `nil` when they do not.
    static func broadcast(_ a: [Int], _ b: [Int]) -> [Int]? {
        let rank = max(a.count, b.count)
        let left = [Int](repeating: 1, count: rank - a.count) + a
        let right = [Int](repeating: 1, count: rank - b.count) + b
        var result: [Int] = []
        for (x, y) in zip(left, right) {
            guard x == y || x == 1 || y == 1 else { return nil }
            result.append(x == 1 ? y : x)
        }
        return result
    }

    /// Strides with which `shape` is read when it is broadcast to `target`.
    static func broadcastStrides(_ shape: [Int], to target: [Int]) -> [Int] {
        let padded = [Int](repeating: 1, count: target.count - shape.count) + shape
        return zip(padded, strides(padded)).map { $0 == 1 ? 0 : $1 }
    }
}
