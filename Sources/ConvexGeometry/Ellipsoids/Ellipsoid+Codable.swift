// An ellipsoid as JSON and the like: {"center": [d], "axes": [d rows of r], "semiaxes": [r], "shape": [r rows of r]?}.

import LinearAlgebra

extension Ellipsoid: Codable {
    private enum Key: String, CodingKey { case center, axes, semiaxes, shape }

    /// Axes, semiaxes and, where there is one, the shape: what `fit` writes to a file.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        let principal = principalAxes()
        try container.encode(center, forKey: .center)
        try container.encode((0..<dimension).map(principal.directions.row), forKey: .axes)
        try container.encode(principal.lengths, forKey: .semiaxes)
        if let shape { try container.encode((0..<rank).map(shape.row), forKey: .shape) }
    }

    /// Reads what `encode` wrote.
    /// - Throws: `DecodingError.dataCorrupted`, with the `GeometryError` in it, for numbers that are no ellipsoid.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        let center = try container.decode([Double].self, forKey: .center)
        let semiaxes = try container.decode([Double].self, forKey: .semiaxes)
        func matrix(_ rows: [[Double]], _ columns: Int, _ key: Key) throws -> Matrix {
            guard rows.allSatisfy({ $0.count == columns }) else {
                throw DecodingError.dataCorruptedError(
                    forKey: key, in: container, debugDescription: "expected rows of \(columns) numbers, found another length")
            }
            return Matrix(rows: rows.count, columns: columns) { rows[$0][$1] }
        }
        let axes = try matrix(try container.decode([[Double]].self, forKey: .axes), semiaxes.count, .axes)
        let shape = try container.decodeIfPresent([[Double]].self, forKey: .shape).map { try matrix($0, semiaxes.count, .shape) }
        if let shape, shape.rows != shape.columns || !shape.isFinite || shape != shape.transposed() {
            throw DecodingError.dataCorruptedError(
                forKey: .shape, in: container, debugDescription: "expected a finite symmetric matrix, found another")
        }
        do {
            let read = try Ellipsoid(center: center, axes: axes, semiaxes: semiaxes)
            self.init(center: center, axes: read.axes, semiaxes: read.semiaxes, shape: shape)
        } catch {
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "\(error)", underlyingError: error))
        }
    }
}
