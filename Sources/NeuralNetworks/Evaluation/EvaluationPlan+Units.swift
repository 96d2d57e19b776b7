// The parts of a step that threads can share where there are too few samples to give every thread its own.

import LinearAlgebra

extension EvaluationPlan.Step {
    /// About how many multiply–adds the step takes for `count` samples; a value that is only moved counts as eight.
    func work(_ count: Int, sizes: [Int]) -> Int {
        switch kernel {
        case .convolution(let kernel): count * kernel.extents.outputs * kernel.extents.outPlane * kernel.extents.depth
        case .dense(let kernel): count * kernel.positions * kernel.inputs * kernel.outputs
        case .attention(let kernel):
            count * kernel.heads * kernel.queries * kernel.keys * (kernel.width + kernel.valueWidth)
        default: 8 * count * (inputs + outputs).reduce(0) { max($0, sizes[$1]) }
        }
    }

    /// How many independent parts the step has for `count` samples: at least one for every sample.
    func unitCount(_ count: Int) -> Int {
        switch kernel {
        case .convolution(let kernel): kernel.unitCount(count)
        case .dense(let kernel): kernel.unitCount(count)
        case .attention(let kernel): count * kernel.heads
        case .pooling(let kernel): count * kernel.channels
        case .channelAffine(let kernel): count * kernel.channels
        default: count
        }
    }

    /// One of the parts. `pointers` hold every storage's first value, `sizes` the values per sample.
    func run(
        unit: Int, of count: Int, pointers: [UnsafeMutablePointer<Float>], sizes: [Int], workspace: UnsafeMutablePointer<Float>
    ) {
        let x = UnsafePointer(pointers[inputs[0]])
        let y = pointers[outputs[0]]
        switch kernel {
        case .convolution(let kernel):
            let residual = kernel.epilogue.addsResidual ? UnsafePointer(pointers[inputs[1]]) : nil
            kernel.run(unit: unit, of: count, input: x, output: y, residual: residual, workspace: workspace)
        case .dense(let kernel):
            let residual = kernel.epilogue.addsResidual ? UnsafePointer(pointers[inputs[1]]) : nil
            kernel.run(unit: unit, of: count, input: x, output: y, residual: residual, workspace: workspace)
        case .attention(let kernel):
            kernel.run(
                unit: unit, q: x, k: UnsafePointer(pointers[inputs[1]]), v: UnsafePointer(pointers[inputs[2]]), output: y,
                workspace: workspace)
        case .pooling(let kernel): kernel.run(planes: unit..<unit + 1, input: x, output: y)
        case .channelAffine(let kernel): kernel.run(planes: unit..<unit + 1, input: x, output: y)
        default:
            var own = pointers
            for storage in inputs + outputs { own[storage] = pointers[storage] + unit * sizes[storage] }
            run(count: 1, pointers: own, workspace: workspace)
        }
    }
}
