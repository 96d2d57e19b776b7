// The examples of Documentation/Scale.md.

import ConvexGeometry
import LinearAlgebra
import Testing

/// Stands for somebody's database.
private struct Table {
    let rowCount = 3000

    func rows(_ range: Range<Int>) -> [Float] { range.flatMap { row in (0..<12).map { Float((row * 7919 + $0 * 104_729) % 1009) } } }
}

@Suite struct ScaleSnippets {
    @Test func pointsOfYourOwn() throws {
        let table = Table()
        /// Rows of a table in a database or a Parquet file.
        struct TablePoints: PointSource {
            let table: Table
            var pointCount: Int { table.rowCount }
            let dimension = 12
            var relativePrecision: Double { Double(Float.ulpOfOne) }

            func withBlock(_ range: Range<Int>, _ body: (PointBlock) -> Void) {
                let numbers: [Float] = table.rows(range)  // dimension numbers for each row
                numbers.withUnsafeBufferPointer { body(.float($0.baseAddress!)) }
            }
        }
        let fit = try MinimumVolumeEllipsoid(source: TablePoints(table: table))
        #expect(fit.status == .solved && fit.ellipsoid.dimension == 12)
    }
}
