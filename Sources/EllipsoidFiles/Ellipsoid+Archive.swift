// An ellipsoid as arrays by name: what the tool's `fit` writes, and what numpy reads.

import ConvexGeometry
import LinearAlgebra
import TensorFiles

extension Ellipsoid {
    /// Arrays `center` (d), `axes` (d, r), `semiaxes` (r); `shape` (r, r) where double precision holds it, and `basis` (d, r) when r < d.
    ///
    /// `archive.write(to: "E.npz", force: false)` makes a file of it.
    /// - Complexity: O(d·r), after O(r³) where the axes are not known yet.
    public func archive() throws(TensorFileError) -> TensorArchive {
        let axes = principalAxes()
        let (d, r) = (dimension, rank)
        var archive: TensorArchive = [
            "center": .float64(center),
            "axes": try .float64(axes.directions.transposed().elements, shape: [d, r]),
            "semiaxes": .float64(axes.lengths),
        ]
        // Symmetric: row-major and column-major agree.
        if let shape { archive["shape"] = try .float64(shape.elements, shape: [r, r]) }
        if let basis { archive["basis"] = try .float64(basis.transposed().elements, shape: [d, r]) }
        return archive
    }

    /// An ellipsoid from the arrays of ``archive()``, or from `center`, `shape` and `basis` alone; further arrays are ignored.
    /// - Throws: ``EllipsoidFileError`` for arrays that are missing, misshapen or no ellipsoid.
    public init(archive: TensorArchive) throws(EllipsoidFileError) {
        let center: [Double], arrays: (axes: Matrix, semiaxes: [Double])?, shaped: (shape: Matrix, basis: Matrix?)?
        do throws(TensorFileError) {
            center = try archive.tensor(named: "center").doubles()
            if archive["axes"] != nil {
                let lengths = try archive.tensor(named: "semiaxes").doubles()
                arrays = (try Self.matrix("axes", archive, rows: center.count, columns: lengths.count), lengths)
                shaped = nil
            } else {
                let r = archive["basis"]?.shape.last ?? center.count
                let basis = archive["basis"] == nil ? nil : try Self.matrix("basis", archive, rows: center.count, columns: r)
                arrays = nil
                shaped = (try Self.matrix("shape", archive, rows: r, columns: r), basis)
            }
        } catch {
            throw .arrays(error)
        }
        do throws(GeometryError) {
            if let arrays {
                self = try Ellipsoid(center: center, axes: arrays.axes, semiaxes: arrays.semiaxes)
            } else if let shaped {
                self = try Ellipsoid(center: center, shape: shaped.shape, basis: shaped.basis)
            } else {
                preconditionFailure("one of the two has been read")
            }
        } catch {
            throw .geometry(error)
        }
    }

    private static func matrix(_ name: String, _ archive: TensorArchive, rows: Int, columns: Int) throws(TensorFileError) -> Matrix {
        let tensor = try archive.tensor(named: name)
        guard tensor.shape == [rows, columns] else {
            throw .invalidTensor(
                expected: "an array \(name) of shape (\(rows), \(columns))",
                found: "(\(tensor.shape.map(String.init).joined(separator: ", ")))")
        }
        return Matrix(rows: columns, columns: rows, elements: try tensor.doubles()).transposed()
    }
}
