// The .npz file of an ellipsoid: what `fit` writes and `score` reads.

import ConvexGeometry
import LinearAlgebra
import TensorFiles

enum EllipsoidFile {
    /// Arrays `center` (d), `axes` (d, r), `semiaxes` (r); `shape` (r, r) where double precision holds it, and `basis` (d, r) when r < d.
    static func archive(_ ellipsoid: Ellipsoid) throws -> TensorArchive {
        let axes = ellipsoid.principalAxes()
        let (d, r) = (ellipsoid.dimension, ellipsoid.rank)
        var archive: TensorArchive = [
            "center": .float64(ellipsoid.center),
            "axes": try .float64(axes.directions.transposed().elements, shape: [d, r]),
            "semiaxes": .float64(axes.lengths),
        ]
        // Symmetric: row-major and column-major agree.
        if let shape = ellipsoid.shape { archive["shape"] = try .float64(shape.elements, shape: [r, r]) }
        if let basis = ellipsoid.basis { archive["basis"] = try .float64(basis.transposed().elements, shape: [d, r]) }
        return archive
    }

    /// Reads such a file, or an older one with `center`, `shape` and `basis` only.
    static func read(_ path: String) throws -> Ellipsoid {
        let archive = try TensorArchive.read(path: path)
        do {
            let center = try archive.tensor(named: "center").doubles()
            guard archive["axes"] == nil else {
                let lengths = try archive.tensor(named: "semiaxes").doubles()
                let axes = try matrix(archive.tensor(named: "axes"), rows: center.count, columns: lengths.count)
                return try Ellipsoid(center: center, axes: axes, semiaxes: lengths)
            }
            let shape = try archive.tensor(named: "shape")
            let basis = archive["basis"]
            let r = basis?.shape.last ?? center.count
            return try Ellipsoid(
                center: center, shape: matrix(shape, rows: r, columns: r),
                basis: basis.map { try matrix($0, rows: center.count, columns: r) })
        } catch {
            throw CommandFailure.failure("\(path): \(error)")
        }
    }

    private static func matrix(_ tensor: Tensor, rows: Int, columns: Int) throws -> Matrix {
        guard tensor.shape == [rows, columns] else {
            throw CommandFailure.failure(
                "expected an array of shape (\(rows), \(columns)), found (\(tensor.shape.map(String.init).joined(separator: ", ")))")
        }
        return Matrix(rows: columns, columns: rows, elements: try tensor.doubles()).transposed()
    }
}
