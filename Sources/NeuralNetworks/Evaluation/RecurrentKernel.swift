// LSTM, GRU and Elman layers over the steps of one sample (ONNX operators LSTM, GRU and RNN with their default activations).
//
//   LSTM   i, o, f = σ(W·x + R·h + b [+ p∘c]),  c̃ = tanh(…),  c' = f∘c + i∘c̃,  h' = o∘tanh c'
//   GRU    z, r = σ(…),  n = tanh(W·x + R·(r∘h) + b)  or  tanh(W·x + r∘(R·h + b)),  h' = (1 − z)∘n + z∘h
//
// The products with the inputs of all steps are one matrix product.

import LinearAlgebra

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

struct RecurrentKernel: SampleKernel {
    let layer: Recurrent
    let steps: Int
    let features: Int
    let weight: [Float]
    let recurrence: [Float]
    /// Empty for none.
    let bias: [Float]
    let peepholes: [Float]
    /// Values per sample of each input.
    let inputSizes: [Int]

    var hidden: Int { layer.hidden }
    var rows: Int { layer.kind.gates * layer.hidden }

    var workspaceSize: Int { (steps + 2) * rows + 3 * hidden }

    func run(
        count: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafeMutablePointer<Float>], workspace: UnsafeMutablePointer<Float>
    ) {
        let directions = layer.direction.count
        for sample in 0..<count {
            for direction in 0..<directions {
                let hiddenState = workspace + (steps + 2) * rows, cell = hiddenState + hidden
                load(layer.hasInitialHidden ? inputs[1] + sample * inputSizes[1] : nil, direction, hiddenState)
                let cellSlot = layer.hasInitialHidden ? 2 : 1
                load(layer.hasInitialCell ? inputs[cellSlot] + sample * inputSizes[cellSlot] : nil, direction, cell)
                multiply(inputs[0] + sample * steps * features, direction, workspace)
                for step in 0..<steps {
                    let backward = layer.direction == .backward || direction == 1
                    let time = backward ? steps - 1 - step : step
                    advance(workspace + time * rows, direction, hiddenState, cell, workspace + steps * rows)
                    (outputs[0] + ((sample * steps + time) * directions + direction) * hidden).update(from: hiddenState, count: hidden)
                }
                if outputs.count > 1 { (outputs[1] + (sample * directions + direction) * hidden).update(from: hiddenState, count: hidden) }
                if outputs.count > 2 { (outputs[2] + (sample * directions + direction) * hidden).update(from: cell, count: hidden) }
            }
        }
    }

    func load(_ state: UnsafePointer<Float>?, _ direction: Int, _ target: UnsafeMutablePointer<Float>) {
        if let state { target.update(from: state + direction * hidden, count: hidden) } else { target.update(repeating: 0, count: hidden) }
    }

    /// W·x of every step, with the bias of the input product.
    func multiply(_ x: UnsafePointer<Float>, _ direction: Int, _ y: UnsafeMutablePointer<Float>) {
        weight.withUnsafeBufferPointer { w in
            BLAS.gemm(
                .transposed, .normal, rows, steps, features, 1, w.baseAddress! + direction * rows * features, features, x, features, 0, y,
                rows)
        }
        guard !bias.isEmpty else { return }
        for step in 0..<steps { for row in 0..<rows { y[step * rows + row] += bias[direction * 2 * rows + row] } }
    }

    /// R·v with the bias of the recurrent product, for rows from `first` on.
    private func recur(
        _ v: UnsafePointer<Float>, _ direction: Int, first: Int, count: Int, into y: UnsafeMutablePointer<Float>
    ) {
        recurrence.withUnsafeBufferPointer { r in
            BLAS.gemm(
                .transposed, .normal, count, 1, hidden, 1, r.baseAddress! + (direction * rows + first) * hidden, hidden, v, hidden, 0, y,
                count)
        }
        guard !bias.isEmpty else { return }
        for row in 0..<count { y[row] += bias[direction * 2 * rows + rows + first + row] }
    }

    /// One step. What the inputs add to the gates is overwritten by the gates: LSTM i, o, f, c̃; GRU z, r, n.
    func advance(
        _ x: UnsafeMutablePointer<Float>, _ direction: Int, _ h: UnsafeMutablePointer<Float>, _ c: UnsafeMutablePointer<Float>,
        _ scratch: UnsafeMutablePointer<Float>
    ) {
        let n = hidden
        switch layer.kind {
        case .lstm:
            recur(h, direction, first: 0, count: rows, into: scratch)
            let p = direction * 3 * n
            for j in 0..<n {
                let (inputPeek, outputPeek, forgetPeek): (Float, Float, Float) =
                    peepholes.isEmpty ? (0, 0, 0) : (peepholes[p + j], peepholes[p + n + j], peepholes[p + 2 * n + j])
                let input = Self.sigmoid(x[j] + scratch[j] + inputPeek * c[j])
                let forget = Self.sigmoid(x[2 * n + j] + scratch[2 * n + j] + forgetPeek * c[j])
                let candidate = tanhf(x[3 * n + j] + scratch[3 * n + j])
                let new = forget * c[j] + input * candidate
                let output = Self.sigmoid(x[n + j] + scratch[n + j] + outputPeek * new)
                (x[j], x[n + j], x[2 * n + j], x[3 * n + j]) = (input, output, forget, candidate)
                c[j] = new
                h[j] = output * tanhf(new)
            }
        case .gru(let resetsAfterProduct):
            recur(h, direction, first: 0, count: resetsAfterProduct ? 3 * n : 2 * n, into: scratch)
            let gated = scratch + rows
            for j in 0..<n {
                let reset = Self.sigmoid(x[n + j] + scratch[n + j])
                gated[j] = resetsAfterProduct ? reset * scratch[2 * n + j] : reset * h[j]
                x[n + j] = reset
            }
            if !resetsAfterProduct { recur(gated, direction, first: 2 * n, count: n, into: scratch + 2 * n) }
            for j in 0..<n {
                let update = Self.sigmoid(x[j] + scratch[j])
                let candidate = tanhf(x[2 * n + j] + (resetsAfterProduct ? gated[j] : scratch[2 * n + j]))
                (x[j], x[2 * n + j]) = (update, candidate)
                h[j] = (1 - update) * candidate + update * h[j]
            }
        case .elman:
            recur(h, direction, first: 0, count: n, into: scratch)
            for j in 0..<n { h[j] = tanhf(x[j] + scratch[j]) }
        }
    }

    private static func sigmoid(_ x: Float) -> Float {
        let e = expf(-abs(x))
        return x < 0 ? e / (1 + e) : 1 / (1 + e)
    }
}
