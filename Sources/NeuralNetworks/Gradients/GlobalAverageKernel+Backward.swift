// Adjoint of a mean over all positions.

extension GlobalAverageKernel {
    /// dx += dy/positions at every position.
    func backward(count: Int, dy: UnsafePointer<Float>, dx: UnsafeMutablePointer<Float>) {
        let scale = 1 / Float(max(positions, 1))
        for plane in 0..<count * channels {
            let value = dy[plane] * scale
            for i in plane * positions..<(plane + 1) * positions { dx[i] += value }
        }
    }
}
