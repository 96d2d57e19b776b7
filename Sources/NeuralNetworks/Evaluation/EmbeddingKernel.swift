/// Rows of a table; an index counts from the end when negative, and is held within the table.
struct EmbeddingKernel: SampleKernel {
    let size: Int
    let rows: Int
    let width: Int
    let table: [Float]

    func run(
        count: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafeMutablePointer<Float>], workspace: UnsafeMutablePointer<Float>
    ) {
        table.withUnsafeBufferPointer { table in
            for i in 0..<count * size {
                if let base = table.baseAddress { (outputs[0] + i * width).update(from: base + row(inputs[0][i]) * width, count: width) }
            }
        }
    }

    /// The row that an index names.
    func row(_ value: Float) -> Int {
        let index = value.isFinite ? Int(max(min(value, 1e9), -1e9)) : 0
        return min(max(index < 0 ? index + rows : index, 0), rows - 1)
    }
}
