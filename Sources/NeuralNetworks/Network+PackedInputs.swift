// Several inputs as one.
//
// Whatever works with one tensor of inputs works with a network of several once these lie behind one another in it: each is cut out by a
// slice and brought to its shape. Parameters, groups and outputs are those of the original, so a plan for the one is a plan for the other.

extension Network {
    /// The network with one input that holds all of its inputs, flattened and joined.
    ///
    /// - Parameter shapes: the shapes of the inputs without the batch axis, as the data have them.
    /// - Throws: `invalidData` unless there is a shape for every input, `wrongInputShape` where the network takes another number of values.
    public func packingInputs(shapes: [[Int]]) throws(NetworkError) -> Network {
        guard shapes.count == inputs.count else {
            throw .invalidData(reason: "expected \(inputs.count) input tensors, found \(shapes.count)")
        }
        for (input, shape) in zip(inputs, shapes) {
            if let own = values[input].shape, own.reduce(1, *) != shape.reduce(1, *) {
                throw .wrongInputShape(
                    node: values[input].name, expected: "samples of shape \(NetworkError.text(own))", found: shape)
            }
        }
        var result = self
        let packed = result.values.count
        result.values.append(Value(name: result.freshValueName("inputs"), shape: [shapes.reduce(0) { $0 + $1.reduce(1, *) }]))
        var unpacking: [Node] = []
        var start = 0
        for (input, shape) in zip(inputs, shapes) {
            let name = values[input].name
            let size = shape.reduce(1, *)
            let slice = result.values.count
            result.values.append(Value(name: result.freshValueName(name + ".flat"), shape: [size]))
            result.values[input].shape = shape
            unpacking.append(
                Node(
                    name: result.freshNodeName(name + ".slice", beside: unpacking),
                    layer: .slice([SliceRange(), SliceRange(start: start, end: start + size)]), inputs: [packed], outputs: [slice]))
            unpacking.append(
                Node(
                    name: result.freshNodeName(name + ".reshape", beside: unpacking), layer: .reshape(shape: [0] + shape),
                    inputs: [slice], outputs: [input]))
            start += size
        }
        result.nodes = unpacking + nodes
        result.inputs = [packed]
        return result
    }

    private func freshValueName(_ name: String) -> String { fresh(name, among: Set(values.map(\.name))) }

    private func freshNodeName(_ name: String, beside others: [Node]) -> String { fresh(name, among: Set((nodes + others).map(\.name))) }

    private func fresh(_ name: String, among taken: Set<String>) -> String {
        var result = name
        while taken.contains(result) { result += "'" }
        return result
    }
}

extension LabelledImages {
    /// The samples of all inputs, flattened and joined: what ``Network/packingInputs(shapes:)`` reads.
    public var packed: LabelledImages {
        get throws(NetworkError) {
            guard inputs.count > 1 else { return self }
            let count = images.batchCount
            var values: [Float] = []
            values.reserveCapacity(inputs.reduce(0) { $0 + $1.values.count })
            for sample in 0..<count {
                for input in inputs {
                    let size = input.sampleSize
                    values.append(contentsOf: input.values[sample * size..<(sample + 1) * size])
                }
            }
            return try LabelledImages(
                images: ActivationTensor(shape: [count, inputs.reduce(0) { $0 + $1.sampleSize }], values: values), labels: labels)
        }
    }
}

extension LabelledImages {
    /// Samples joined in groups as a network takes them whose inputs fix a number of samples along their first axis; as they are where
    /// they have that axis. What is left over is dropped.
    ///
    /// - Throws: `invalidData` for labelled samples that would be joined, and where there are too few for one group.
    public func grouped(for network: Network) throws(NetworkError) -> LabelledImages {
        let shapes = network.inputs.map { network.values[$0].shape ?? [] }
        guard shapes.count == inputs.count, let size = shapes.first?.first, size > 1,
            zip(shapes, inputs).allSatisfy({ $0 == [size] + $1.sampleShape })
        else { return self }
        let count = images.batchCount / size
        guard count > 0 else {
            throw .invalidData(
                reason: "expected at least \(size) samples, as many as the model takes at a time, found \(images.batchCount)")
        }
        guard labels.isEmpty else {
            throw .invalidData(
                reason: "expected samples without labels for a model that takes \(size) at a time, found \(labels.count) labels")
        }
        return try LabelledImages(
            inputs: zip(shapes, inputs).map { shape, input in
                ActivationTensor(shape: [count] + shape, values: Array(input.values.prefix(count * shape.reduce(1, *))))
            })
    }
}
