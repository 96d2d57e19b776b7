// Adjoint of recurrent layers: back through the steps. With D the gradients before the gates' functions,
//
//   LSTM   dc' = dc + dh∘o∘(1 − tanh² c') [+ p_o∘d_o],   d_o = dh∘tanh c'∘o(1 − o),   d_f = dc'∘c∘f(1 − f),
//          d_i = dc'∘c̃∘i(1 − i),   d_c̃ = dc'∘i∘(1 − c̃²),   dc = dc'∘f [+ p_i∘d_i + p_f∘d_f]
//   GRU    d_z = dh∘(h − n)∘z(1 − z),   d_n = dh∘(1 − z)∘(1 − n²),   d_r = d_n∘(R_n·h + b)∘r(1 − r)  or  (R_nᵀ·d_n)∘h∘r(1 − r)
//   all    dx = Wᵀ·D,   dh = Rᵀ·D (+ dh∘z of a GRU),   dW = Σ D·xᵀ,   dR = Σ D·hᵀ
//
// (Hochreiter & Schmidhuber 1997; Cho et al., arXiv 1406.1078.) The way forward is repeated step by step: only states are kept.

import LinearAlgebra

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension RecurrentKernel {
    /// Gates of every step, what the state added to them, D of the state's product, states and reset states; three vectors.
    var gradientWorkspaceSize: Int { steps * 4 * rows + (3 * steps + 5) * hidden }

    func backward(
        count: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafePointer<Float>], dy: [UnsafePointer<Float>],
        gradients: [UnsafeMutablePointer<Float>?], tensors: TensorGradients, workspace: UnsafeMutablePointer<Float>
    ) {
        for sample in 0..<count {
            for direction in 0..<layer.direction.count {
                walk(sample, direction, inputs, dy, gradients, tensors, workspace)
            }
        }
    }

    private func walk(
        _ sample: Int, _ direction: Int, _ inputs: [UnsafePointer<Float>], _ dy: [UnsafePointer<Float>],
        _ gradients: [UnsafeMutablePointer<Float>?], _ tensors: TensorGradients, _ workspace: UnsafeMutablePointer<Float>
    ) {
        let (n, directions) = (hidden, layer.direction.count)
        let gates = workspace, scratch = gates + steps * rows, own = scratch + 2 * steps * rows
        let states = own + steps * rows, cells = states + (steps + 1) * n, gated = cells + (steps + 1) * n
        let dh = gated + steps * n, dc = dh + n, rest = dc + n
        let cellSlot = layer.hasInitialHidden ? 2 : 1
        let isReversed = layer.direction == .backward || direction == 1
        func time(_ step: Int) -> Int { isReversed ? steps - 1 - step : step }
        func state(_ slot: Int, _ isThere: Bool) -> UnsafePointer<Float>? { isThere ? inputs[slot] + sample * inputSizes[slot] : nil }

        load(state(1, layer.hasInitialHidden), direction, states)
        load(state(cellSlot, layer.hasInitialCell), direction, cells)
        multiply(inputs[0] + sample * steps * features, direction, gates)
        for step in 0..<steps {
            let (h, c) = (states + (step + 1) * n, cells + (step + 1) * n)
            h.update(from: h - n, count: n)
            c.update(from: c - n, count: n)
            advance(gates + time(step) * rows, direction, h, c, scratch + step * 2 * rows)
        }

        load(dy.count > 1 ? dy[1] + sample * directions * n : nil, direction, dh)
        load(dy.count > 2 ? dy[2] + sample * directions * n : nil, direction, dc)
        for step in (0..<steps).reversed() {
            let at = time(step)
            let slope = dy[0] + ((sample * steps + at) * directions + direction) * n
            for j in 0..<n { dh[j] += slope[j] }
            retreat(
                gates + at * rows, own + step * rows, scratch + step * 2 * rows, direction, h: states + step * n, c: cells + step * n,
                gated: gated + step * n, dh, dc, rest, tensors.peepholes)
        }
        if layer.hasInitialHidden, let target = gradients[1] {
            for j in 0..<n { target[sample * inputSizes[1] + direction * n + j] += dh[j] }
        }
        if layer.hasInitialCell, let target = gradients[cellSlot] {
            for j in 0..<n { target[sample * inputSizes[cellSlot] + direction * n + j] += dc[j] }
        }
        if let dx = gradients[0] {
            weight.withUnsafeBufferPointer { w in
                BLAS.gemm(
                    .normal, .normal, features, steps, rows, 1, w.baseAddress! + direction * rows * features, features, gates, rows, 1,
                    dx + sample * steps * features, features)
            }
        }
        if let dw = tensors.weight {
            BLAS.gemm(
                .normal, .transposed, features, rows, steps, 1, inputs[0] + sample * steps * features, features, gates, rows, 1,
                dw + direction * rows * features, features)
        }
        if let bias = tensors.bias {
            ChannelSums.add(gates, samples: steps, channels: rows, positions: 1, to: bias + direction * 2 * rows)
            ChannelSums.add(own, samples: steps, channels: rows, positions: 1, to: bias + direction * 2 * rows + rows)
        }
        if let dr = tensors.recurrence {
            let target = dr + direction * rows * n
            // What a GRU resets before its product is another vector than the state.
            let plain = readsResetState ? 2 * n : rows
            BLAS.gemm(.normal, .transposed, n, plain, steps, 1, states, n, own, rows, 1, target, n)
            if readsResetState { BLAS.gemm(.normal, .transposed, n, n, steps, 1, gated, n, own + 2 * n, rows, 1, target + 2 * n * n, n) }
        }
    }

    private var readsResetState: Bool { layer.kind == .gru(resetsAfterProduct: false) }

    /// Back through one step: `gates` become the gradients of what the inputs add, `own` those of what the state adds, `dh` and `dc`
    /// those of the states before the step, which are `h` and `c`.
    private func retreat(
        _ gates: UnsafeMutablePointer<Float>, _ own: UnsafeMutablePointer<Float>, _ scratch: UnsafePointer<Float>, _ direction: Int,
        h: UnsafePointer<Float>, c: UnsafePointer<Float>, gated: UnsafeMutablePointer<Float>, _ dh: UnsafeMutablePointer<Float>,
        _ dc: UnsafeMutablePointer<Float>, _ rest: UnsafeMutablePointer<Float>, _ peepholeGradient: UnsafeMutablePointer<Float>?
    ) {
        let n = hidden
        switch layer.kind {
        case .lstm:
            let p = direction * 3 * n
            for j in 0..<n {
                let (input, output, forget, candidate) = (gates[j], gates[n + j], gates[2 * n + j], gates[3 * n + j])
                let squashed = tanhf(forget * c[j] + input * candidate)
                let dOutput = dh[j] * squashed * output * (1 - output)
                var slope = dc[j] + dh[j] * output * (1 - squashed * squashed)
                if !peepholes.isEmpty { slope += peepholes[p + n + j] * dOutput }
                let dForget = slope * c[j] * forget * (1 - forget)
                let dInput = slope * candidate * input * (1 - input)
                dc[j] = slope * forget
                if !peepholes.isEmpty { dc[j] += peepholes[p + j] * dInput + peepholes[p + 2 * n + j] * dForget }
                if let target = peepholeGradient {
                    target[p + j] += dInput * c[j]
                    target[p + n + j] += dOutput * (forget * c[j] + input * candidate)
                    target[p + 2 * n + j] += dForget * c[j]
                }
                (gates[j], gates[n + j], gates[2 * n + j]) = (dInput, dOutput, dForget)
                gates[3 * n + j] = slope * input * (1 - candidate * candidate)
            }
            own.update(from: gates, count: rows)
        case .gru(let resetsAfterProduct):
            for j in 0..<n {
                let (update, candidate) = (gates[j], gates[2 * n + j])
                gates[j] = dh[j] * (h[j] - candidate) * update * (1 - update)
                gates[2 * n + j] = dh[j] * (1 - update) * (1 - candidate * candidate)
                rest[j] = dh[j] * update
            }
            if resetsAfterProduct {
                for j in 0..<n {
                    let (reset, slope) = (gates[n + j], gates[2 * n + j])
                    own[2 * n + j] = slope * reset
                    gates[n + j] = slope * scratch[2 * n + j] * reset * (1 - reset)
                }
            } else {
                own.advanced(by: 2 * n).update(from: gates + 2 * n, count: n)
                recall(own + 2 * n, direction, first: 2 * n, count: n, into: dh)
                for j in 0..<n {
                    let reset = gates[n + j]
                    gates[n + j] = dh[j] * h[j] * reset * (1 - reset)
                    gated[j] = reset * h[j]
                    rest[j] += dh[j] * reset
                }
            }
            own.update(from: gates, count: 2 * n)
            recall(own, direction, first: 0, count: resetsAfterProduct ? 3 * n : 2 * n, into: dh)
            for j in 0..<n { dh[j] += rest[j] }
            return
        case .elman:
            for j in 0..<n { gates[j] = dh[j] * (1 - h[n + j] * h[n + j]) }
            own.update(from: gates, count: rows)
        }
        recall(own, direction, first: 0, count: rows, into: dh)
    }

    /// Rᵀ·v for rows from `first` on.
    private func recall(_ v: UnsafePointer<Float>, _ direction: Int, first: Int, count: Int, into y: UnsafeMutablePointer<Float>) {
        recurrence.withUnsafeBufferPointer { r in
            BLAS.gemm(
                .normal, .normal, hidden, 1, count, 1, r.baseAddress! + (direction * rows + first) * hidden, hidden, v, count, 0, y, hidden)
        }
    }
}
