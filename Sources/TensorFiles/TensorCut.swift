// A tensor without some of its rows and columns, as it is written while it is read.

/// What of a tensor stays.
public struct TensorCut: Sendable, Equatable {
    /// Positions that stay on the first axis, ascending; nil for all.
    public var rows: [Int]?
    /// The same on the second axis.
    public var columns: [Int]?
    /// What kept columns are multiplied by, one for each; nil for 1.
    public var factors: [Float]?

    /// A cut that keeps what is given, and all where nothing is.
    public init(rows: [Int]? = nil, columns: [Int]? = nil, factors: [Float]? = nil) {
        (self.rows, self.columns, self.factors) = (rows, columns, factors)
    }

    /// The shape that is left.
    public func shape(of shape: [Int]) -> [Int] {
        var result = shape
        if let rows { result[0] = rows.count }
        if let columns { result[1] = columns.count }
        return result
    }
}

extension TensorStore {
    /// Bytes that are read at a time.
    private static let chunk = 4 << 20

    /// Gives `body` the bytes of a tensor, or of what a cut leaves of it, piece by piece.
    /// - Throws: `notRepresentable` where a factor leads beyond what the type can hold; what `body` throws.
    public func forEachPiece(
        of entry: Entry, _ cut: TensorCut?, _ body: (UnsafeRawBufferPointer) throws(TensorFileError) -> Void
    ) throws(TensorFileError) {
        guard let cut, let dtype = entry.dtype, !entry.shape.isEmpty else {
            return try forEachChunk(of: entry, unit: 1) { (_, bytes) throws(TensorFileError) in try body(bytes) }
        }
        let rowBytes = entry.byteCount / Swift.max(1, entry.shape[0])
        var (next, kept) = (0, [UInt8]())
        try forEachChunk(of: entry, unit: rowBytes) { (place, bytes) throws(TensorFileError) in
            kept.removeAll(keepingCapacity: true)
            for row in place / rowBytes..<(place + bytes.count) / rowBytes {
                if let rows = cut.rows {
                    guard next < rows.count, rows[next] == row else { continue }
                    next += 1
                }
                let start = row * rowBytes - place
                let numbers = UnsafeRawBufferPointer(rebasing: bytes[start..<start + rowBytes])
                guard let columns = cut.columns else {
                    kept.append(contentsOf: numbers)
                    continue
                }
                try append(columns, of: numbers, dtype, cut.factors, entry.name, to: &kept)
            }
            var failure: TensorFileError?
            kept.withUnsafeBytes { bytes in do throws(TensorFileError) { try body(bytes) } catch { failure = error } }
            if let failure { throw failure }
        }
    }

    private func append(
        _ columns: [Int], of row: UnsafeRawBufferPointer, _ dtype: DType, _ factors: [Float]?, _ name: String, to kept: inout [UInt8]
    ) throws(TensorFileError) {
        let (width, start) = (dtype.byteWidth, kept.count)
        kept.append(contentsOf: repeatElement(0, count: columns.count * width))
        kept.withUnsafeMutableBytes { kept in
            for (place, column) in columns.enumerated() {
                for byte in 0..<width { kept[start + place * width + byte] = row[column * width + byte] }
            }
        }
        guard let factors else { return }
        let values = try Tensor(dtype: dtype, shape: [columns.count], bytes: Array(kept[start...])).floats()
        let scaled = zip(values, factors).map { $0 * $1 }
        if let bad = scaled.indices.first(where: { !scaled[$0].isFinite && values[$0].isFinite }) {
            throw .malformed(
                format: .safetensors, tensor: name, expected: "finite weights after the cut",
                found: "\(values[bad]) times \(factors[bad])")
        }
        do throws(TensorFileError) {
            kept.replaceSubrange(start..., with: try Tensor.float32(scaled, shape: [scaled.count]).converted(to: dtype).bytes)
        } catch {
            throw .malformed(
                format: .safetensors, tensor: name, expected: "weights that \(dtype.rawValue) can hold after the cut", found: "\(error)")
        }
    }

    /// Whole units of bytes, some megabytes at a time.
    private func forEachChunk(
        of entry: Entry, unit: Int, _ body: (_ place: Int, UnsafeRawBufferPointer) throws(TensorFileError) -> Void
    ) throws(TensorFileError) {
        guard entry.byteCount > 0 else { return }
        let step = Swift.max(1, Self.chunk / unit) * unit
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Swift.min(step, entry.byteCount), alignment: 64)
        defer { buffer.deallocate() }
        for place in stride(from: 0, to: entry.byteCount, by: step) {
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Swift.min(step, entry.byteCount - place)])
            try read(entry, at: place, into: part)
            try body(place, UnsafeRawBufferPointer(part))
        }
    }
}
