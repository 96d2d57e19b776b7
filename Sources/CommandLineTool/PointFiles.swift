// One point set in one or several files.

import ConvexGeometry
import Coresets
import LinearAlgebra

/// Files of points of one dimension; indices count through in the order given.
struct PointFiles {
    let files: [PointFile]
    let count: Int
    let dimension: Int

    /// - Parameter isLocal: whether coordinates may be lent relative to `offset`.
    /// - Throws: as for one file; a failure that names the file whose points have another dimension.
    init(paths: [String], tensor: String?, isLocal: Bool) throws {
        let isOne = paths.count == 1
        if !isOne { DescriptorLimit.raise() }
        let files = try paths.map { try PointFile(path: $0, tensor: tensor, isOneOfSeveral: !isOne, isLocal: isLocal) }
        if tensor != nil, !files.contains(where: \.isArchive) { throw PointFile.needlessTensor(paths[0]) }
        (count, dimension) = (files.reduce(0) { $0 + $1.count }, files[0].dimension)
        for file in files where file.dimension != dimension {
            throw CommandFailure.failure(
                "\(file.name): expected points of \(dimension) coordinates as in \(files[0].name), found \(file.dimension)")
        }
        self.files = try Self.aboutOneOrigin(files)
    }

    /// The files with one offset, where any has one: in each column that of the first file, or zero where it loses less of the others'.
    private static func aboutOneOrigin(_ files: [PointFile]) throws -> [PointFile] {
        guard files.count > 1, var origin = files.lazy.compactMap(\.offset).first else { return files }
        let zero = [Double](repeating: 0, count: origin.count)
        let (about, plain) = (
            try files.map { try $0.rounding(relativeTo: origin) }, try files.map { try $0.rounding(relativeTo: zero) }
        )
        var losses = [Double](repeating: 0, count: files.count)
        for k in origin.indices {
            let isWorse = about.reduce(0) { max($0, $1[k]) } > plain.reduce(0) { max($0, $1[k]) }
            if isWorse { origin[k] = 0 }
            for (index, file) in (isWorse ? plain : about).enumerated() { losses[index] = max(losses[index], file[k]) }
        }
        return try zip(files, losses).map { file, loss in
            PointFile.noteRounding(loss, of: file.name)
            return try file.relative(to: origin)
        }
    }

    /// Time spent reading.
    var readSeconds: Double { files.reduce(0) { $0 + $1.readSeconds } }
    /// What is to be added to the coordinates that are lent.
    var offset: [Double]? { files[0].offset }
    /// The file, when there is one, whose points can be lent at once.
    var lent: PointFile? { single.flatMap { $0.isLent ? $0 : nil } }
    /// The file, when there is one.
    var single: PointFile? { files.count == 1 ? files[0] : nil }

    /// Lends the points in the pieces that the files are.
    func withPieces<Result>(_ body: (ConcatenatedPoints) throws -> Result) throws -> Result {
        func lend(_ index: Int, _ pieces: [BorrowedPoints]) throws -> Result {
            guard index < files.count else { return try body(try ConcatenatedPoints(pieces)) }
            let file = files[index]
            guard file.count > 0 else { return try lend(index + 1, pieces) }
            return try file.withSource(offset: offset) { try lend(index + 1, pieces + [$0]) }
        }
        return try naming { try lend(0, []) }
    }

    /// The points as columns, in double precision.
    func matrix() throws -> Matrix {
        if let single { return try single.matrix() }
        var elements: [Double] = []
        elements.reserveCapacity(count * dimension)
        for file in files { elements += try file.matrix().elements }
        return Matrix(rows: dimension, columns: count, elements: elements)
    }

    /// Errors about a point of several files are about one of the files.
    private func naming<Result>(_ body: () throws -> Result) throws -> Result {
        guard files.count > 1 else { return try body() }
        do {
            return try body()
        } catch let error as GeometryError {
            throw text(of: error).map { CommandFailure.failure($0) } ?? error
        } catch CoresetError.geometry(let error) {
            throw text(of: error).map { CommandFailure.failure($0) } ?? CoresetError.geometry(error)
        }
    }

    private func text(of error: GeometryError) -> String? {
        switch error {
        case .onRank(let rank, let count, let error): return text(of: error).map { "rank \(rank) of \(count): \($0)" }
        case .nonFinite(let point, let coordinate, let value):
            var index = point
            for file in files {
                if index < file.count {
                    return "\(file.name): \(GeometryError.nonFinite(point: index, coordinate: coordinate, value: value))"
                }
                index -= file.count
            }
            return nil
        default: return nil
        }
    }
}
