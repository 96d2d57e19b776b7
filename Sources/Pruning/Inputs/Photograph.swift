// Photographs that are part of the library: what inputs are cropped from where a network is for images and nobody gives any.
//
// Stored as JPEG's numbers without its bit stream, deflated (scripts/photographs): a plane is split into 8 × 8 blocks,
//   pixel = 128 + Σ_u Σ_v C[u, y]·C[v, x]·step[u, v]·c[u, v],   C[k, i] = √((1 or 2)/8)·cos(π(2i + 1)k/16)             (1)
// with 1 for k = 0; color is Y′CbCr of JFIF with Cb and Cr at half the resolution.
// Source: ISO/IEC 10918-1 (1994), annex A.3.3; T.871 (2011) for (2) below.

internal import CPhotographs
import TensorFiles
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A photograph: planes of values in [0, 1].
package struct Photograph: Sendable {
    package let name: String
    package let height: Int
    package let width: Int
    /// Red, green, blue, each `height`·`width` values, row after row; one plane of a gray photograph.
    package let planes: [[Float]]

    package init(name: String, height: Int, width: Int, planes: [[Float]]) {
        (self.name, self.height, self.width, self.planes) = (name, height, width, planes)
    }

    /// The photographs of the library, ordered by name; decoded once, some 10 ms. Sources and licences: CPhotographs/README.md.
    package static let shipped: [Photograph] = {
        let bytes = Array(UnsafeBufferPointer(start: loewner_photographs_bytes(), count: loewner_photographs_count))
        do throws(TensorFileError) {
            return try photographs(of: NPZ.decode(bytes))
        } catch {
            preconditionFailure("the photographs in the program are unreadable: \(error)")
        }
    }()

    /// Decodes `NAME.y`, `NAME.cb`, `NAME.cr` (int8, 64 × rows × columns of blocks) with `steps` (2 × 64).
    package static func photographs(of archive: TensorArchive) throws(TensorFileError) -> [Photograph] {
        guard let steps = try archive["steps"]?.floats(), steps.count == 128 else {
            throw .malformed(format: .npz, tensor: "steps", expected: "2 × 64 quantization steps", found: "none")
        }
        var found: [Photograph] = []
        for name in archive.names.filter({ $0.hasSuffix(".y") }).map({ String($0.dropLast(2)) }).sorted() {
            let luminance = try plane(archive, name + ".y", Array(steps[..<64]))
            var planes = [luminance.values]
            if archive[name + ".cb"] != nil {
                let blue = try plane(archive, name + ".cb", Array(steps[64...]))
                let red = try plane(archive, name + ".cr", Array(steps[64...]))
                guard blue.height * 2 == luminance.height, blue.width * 2 == luminance.width, red.values.count == blue.values.count
                else {
                    throw .malformed(
                        format: .npz, tensor: name + ".cb", expected: "half of \(luminance.height) × \(luminance.width)",
                        found: "\(blue.height) × \(blue.width)")
                }
                planes = rgb(luminance.values, blue.values, red.values, width: luminance.width)
            }
            found.append(
                Photograph(
                    name: name, height: luminance.height, width: luminance.width,
                    planes: planes.map { $0.map { Swift.min(1, Swift.max(0, $0 / 255)) } }))
        }
        return found
    }

    /// R = Y + 1.402·Cr, G = Y − .344136·Cb − .714136·Cr, B = Y + 1.772·Cb with Cb and Cr less 128                           (2)
    private static func rgb(_ y: [Float], _ cb: [Float], _ cr: [Float], width: Int) -> [[Float]] {
        var planes = [y, y, y]
        for i in y.indices {
            let half = i / width / 2 * (width / 2) + i % width / 2
            let (blue, red) = (cb[half] - 128, cr[half] - 128)
            planes[0][i] += 1.402 * red
            planes[1][i] -= 0.344136 * blue + 0.714136 * red
            planes[2][i] += 1.772 * blue
        }
        return planes
    }

    /// (1) for every block.
    private static func plane(
        _ archive: TensorArchive, _ name: String, _ steps: [Float]
    ) throws(TensorFileError) -> (values: [Float], height: Int, width: Int) {
        guard let tensor = archive[name], tensor.shape.count == 3, tensor.shape[0] == 64 else {
            throw .malformed(
                format: .npz, tensor: name, expected: "64 × rows × columns", found: "\(archive[name]?.shape ?? [])")
        }
        let (rows, columns) = (tensor.shape[1], tensor.shape[2])
        let coefficients = try tensor.floats()
        var cosines = [[Float]](repeating: [Float](repeating: 0, count: 8), count: 8)
        for k in 0..<8 {
            let norm = k == 0 ? 0.125.squareRoot() : 0.5
            for i in 0..<8 { cosines[k][i] = Float(norm * cos(Double.pi * Double((2 * i + 1) * k) / 16)) }
        }
        let blocks = rows * columns
        var values = [Float](repeating: 0, count: 64 * blocks)
        var half = [Float](repeating: 0, count: 64)
        for block in 0..<blocks {
            // Along the rows of the block first, then along its columns.
            for u in 0..<8 {
                for x in 0..<8 {
                    var sum: Float = 0
                    for v in 0..<8 {
                        let place = u * 8 + v
                        sum += cosines[v][x] * steps[place] * coefficients[place * blocks + block]
                    }
                    half[u * 8 + x] = sum
                }
            }
            let corner = (block / columns * 8 * columns + block % columns) * 8
            for y in 0..<8 {
                for x in 0..<8 {
                    var sum: Float = 128
                    for u in 0..<8 { sum += cosines[u][y] * half[u * 8 + x] }
                    values[corner + y * 8 * columns + x] = sum
                }
            }
        }
        return (values, rows * 8, columns * 8)
    }
}
