// The parts of a step that threads can share where there are too few samples to give every thread its own.

import LinearAlgebra

extension EvaluationPlan.Step {
    /// About how many multiply–adds the step takes for `count` samples; a value that is only moved counts as eight, and so does a tap
    /// of a depthwise filter; what takes several looks at a row counts as four moves.
    func work(_ count: Int, sizes: [Int]) -> Int {
        switch kernel {
        case .convolution(let kernel):
            count * kernel.extents.outputs * kernel.extents.outPlane * kernel.extents.depth * (kernel.strategy == .depthwise ? 8 : 1)
        case .dense(let kernel): count * kernel.positions * kernel.inputs * kernel.outputs
        case .attention(let kernel):
            count * kernel.heads * kernel.queries * kernel.keys * (kernel.width + kernel.valueWidth)
        case .normalization, .softmax: 32 * count * sizes[outputs[0]]
        default: 8 * count * (inputs + outputs).reduce(0) { max($0, sizes[$1]) }
        }
    }

    /// The independent parts of a step.
    enum Units {
        case counted(Int)
        case convolution(ConvolutionKernel.Cut)

        var count: Int {
            switch self {
            case .counted(let count): count
            case .convolution(let cut): cut.count
            }
        }
    }

    /// The parts of the step that so many threads share for `count` samples.
    func units(_ count: Int, threads: Int) -> Units {
        switch kernel {
        case .convolution(let kernel): .convolution(kernel.cut(count, threads: threads))
        case .dense(let kernel): .counted(kernel.unitCount(count))
        case .attention(let kernel): .counted(count * kernel.heads)
        case .pooling(let kernel): .counted(EvenParts(of: count * kernel.channels, size: kernel.height * kernel.width).count)
        case .channelAffine(let kernel): .counted(EvenParts(of: count * kernel.channels, size: kernel.positions).count)
        case .globalAverage(let kernel): .counted(EvenParts(of: count * kernel.channels, size: kernel.positions).count)
        case .activation(_, let size): .counted(EvenParts(of: count * size, size: 1).count)
        case .broadcast(let kernel): .counted(count * kernel.rows.parts.count)
        case .general(let kernel): .counted(count * kernel.partCount)
        case .normalization(let kernel): .counted(EvenParts(of: count * kernel.blocks, size: kernel.length).count)
        case .softmax(let kernel): .counted(EvenParts(of: count * kernel.outer, size: kernel.length * kernel.inner).count)
        case .copy: .counted(count)
        }
    }

    /// One of the parts. `pointers` hold every storage's first value, `sizes` the values per sample.
    func run(
        unit: Int, of units: Units, count: Int, pointers: [UnsafeMutablePointer<Float>], sizes: [Int],
        workspace: UnsafeMutablePointer<Float>
    ) {
        let x = UnsafePointer(pointers[inputs[0]])
        let y = pointers[outputs[0]]
        switch kernel {
        case .convolution(let kernel):
            let residual = kernel.epilogue.addsResidual ? UnsafePointer(pointers[inputs[1]]) : nil
            guard case .convolution(let cut) = units else { return }
            kernel.run(unit: unit, of: cut, input: x, output: y, residual: residual, workspace: workspace)
        case .dense(let kernel):
            let residual = kernel.epilogue.addsResidual ? UnsafePointer(pointers[inputs[1]]) : nil
            kernel.run(unit: unit, of: count, input: x, output: y, residual: residual, workspace: workspace)
        case .attention(let kernel):
            kernel.run(
                unit: unit, q: x, k: UnsafePointer(pointers[inputs[1]]), v: UnsafePointer(pointers[inputs[2]]), output: y,
                workspace: workspace)
        case .pooling(let kernel):
            kernel.run(planes: EvenParts(of: count * kernel.channels, size: kernel.height * kernel.width)[unit], input: x, output: y)
        case .channelAffine(let kernel):
            kernel.run(planes: EvenParts(of: count * kernel.channels, size: kernel.positions)[unit], input: x, output: y)
        case .globalAverage(let kernel):
            kernel.run(planes: EvenParts(of: count * kernel.channels, size: kernel.positions)[unit], input: x, output: y)
        case .activation(let activation, let size):
            let values = EvenParts(of: count * size, size: 1)[unit]
            (y + values.lowerBound).update(from: x + values.lowerBound, count: values.count)
            activation.apply(y + values.lowerBound, count: values.count)
        case .broadcast(let kernel):
            let (sample, part) = unit.quotientAndRemainder(dividingBy: kernel.rows.parts.count)
            kernel.run(sample: sample, part: part, inputs: inputs.map { UnsafePointer(pointers[$0]) }, output: y)
        case .general(let kernel):
            let (sample, part) = unit.quotientAndRemainder(dividingBy: kernel.partCount)
            kernel.run(
                part: part, inputs: inputs.map { UnsafePointer(pointers[$0] + sample * sizes[$0]) },
                outputs: outputs.map { pointers[$0] + sample * sizes[$0] }, workspace: workspace)
        case .normalization(let kernel):
            kernel.run(blocks: EvenParts(of: count * kernel.blocks, size: kernel.length)[unit], input: x, output: y)
        case .softmax(let kernel):
            kernel.run(blocks: EvenParts(of: count * kernel.outer, size: kernel.length * kernel.inner)[unit], input: x, output: y)
        case .copy:
            var own = pointers
            for storage in inputs + outputs { own[storage] = pointers[storage] + unit * sizes[storage] }
            run(count: 1, pointers: own, workspace: workspace)
        }
    }
}
