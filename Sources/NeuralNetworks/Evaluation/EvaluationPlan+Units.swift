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
        case even(EvenParts)
        case convolution(ConvolutionKernel.Cut)

        var count: Int {
            switch self {
            case .counted(let count): count
            case .even(let parts): parts.count
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
        case .pooling(let kernel): .even(EvenParts(of: count * kernel.channels, size: kernel.height * kernel.width))
        case .channelAffine(let kernel): .even(EvenParts(of: count * kernel.channels, size: kernel.positions))
        case .globalAverage(let kernel): .even(EvenParts(of: count * kernel.channels, size: kernel.positions))
        case .activation(_, let size): .even(EvenParts(of: count * size, size: 1))
        case .normalization(let kernel): .even(EvenParts(of: count * kernel.blocks, size: kernel.length))
        case .softmax(let kernel): .even(EvenParts(of: count * kernel.outer, size: kernel.length * kernel.inner))
        case .broadcast(let kernel): .counted(count * kernel.rows.parts.count)
        case .general(let kernel): .counted(count * kernel.partCount)
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
        switch (kernel, units) {
        case (.convolution(let kernel), .convolution(let cut)):
            let residual = kernel.epilogue.addsResidual ? UnsafePointer(pointers[inputs[1]]) : nil
            kernel.run(unit: unit, of: cut, input: x, output: y, residual: residual, workspace: workspace)
        case (.dense(let kernel), _):
            let residual = kernel.epilogue.addsResidual ? UnsafePointer(pointers[inputs[1]]) : nil
            kernel.run(unit: unit, of: count, input: x, output: y, residual: residual, workspace: workspace)
        case (.attention(let kernel), _):
            kernel.run(
                unit: unit, q: x, k: UnsafePointer(pointers[inputs[1]]), v: UnsafePointer(pointers[inputs[2]]), output: y,
                workspace: workspace)
        case (.pooling(let kernel), .even(let parts)): kernel.run(planes: parts[unit], input: x, output: y)
        case (.channelAffine(let kernel), .even(let parts)): kernel.run(planes: parts[unit], input: x, output: y)
        case (.globalAverage(let kernel), .even(let parts)): kernel.run(planes: parts[unit], input: x, output: y)
        case (.activation(let activation, _), .even(let parts)):
            let values = parts[unit]
            (y + values.lowerBound).update(from: x + values.lowerBound, count: values.count)
            activation.apply(y + values.lowerBound, count: values.count)
        case (.normalization(let kernel), .even(let parts)): kernel.run(blocks: parts[unit], input: x, output: y)
        case (.softmax(let kernel), .even(let parts)): kernel.run(blocks: parts[unit], input: x, output: y)
        case (.broadcast(let kernel), _):
            let (sample, part) = unit.quotientAndRemainder(dividingBy: kernel.rows.parts.count)
            kernel.run(sample: sample, part: part, inputs: inputs.map { UnsafePointer(pointers[$0]) }, output: y)
        case (.general(let kernel), _):
            let (sample, part) = unit.quotientAndRemainder(dividingBy: kernel.partCount)
            kernel.run(
                part: part, inputs: inputs.map { UnsafePointer(pointers[$0] + sample * sizes[$0]) },
                outputs: outputs.map { pointers[$0] + sample * sizes[$0] }, workspace: workspace)
        case (.copy, _):
            var own = pointers
            for storage in inputs + outputs { own[storage] = pointers[storage] + unit * sizes[storage] }
            run(count: 1, pointers: own, workspace: workspace)
        case (.convolution, _), (.pooling, _), (.channelAffine, _), (.globalAverage, _), (.activation, _), (.normalization, _),
            (.softmax, _):
            preconditionFailure("units of another step")
        }
    }
}
