// How axes of the model's tensors correspond to those of the network's values.
//
// The network keeps the batch axis apart: a value is one sample. A tensor whose first extent is 1 for one sample is taken as
// (batch, sample…), which is what most are. Any other (tokens before the batch, heads merged with it, a state, a scalar) is
// *whole*: the sample has all its axes, with extent 1 where the batch is. For one sample both lie in memory alike, so going from
// one to the other is a view; networks are evaluated one sample at a time, whatever the order of axes in between.

extension ONNXImporter {
    /// Shape of the model's tensor for one sample; `nil` when unknown.
    func extents(_ value: Network.ValueID) -> [Int]? {
        network.values[value].shape.map { wholes.contains(value) ? $0 : [1] + $0 }
    }

    /// The same numbers under other axes; the value itself where it has these.
    mutating func view(_ value: Network.ValueID, as shape: [Int], isWhole: Bool) -> Network.ValueID {
        let key = ViewKey(value: value, shape: shape, isWhole: isWhole)
        if wholes.contains(value) == isWhole, network.values[value].shape == shape { return value }
        if let known = views[key] { return known }
        network.values.append(.init(name: "", shape: shape))
        let result = network.values.count - 1
        if isWhole { wholes.insert(result) }
        if integerValues.contains(value) { integerValues.insert(result) }
        network.nodes.append(
            .init(
                name: uniqueName("view of \(network.values[value].name.isEmpty ? "value \(value)" : network.values[value].name)"),
                layer: .reshape(shape: [0] + shape), inputs: [value], outputs: [result]))
        views[key] = result
        return result
    }

    /// The value with all axes of the model's tensor; the value itself when its shape is not known.
    mutating func whole(_ value: Network.ValueID) -> Network.ValueID {
        guard let extents = extents(value) else { return value }
        return view(value, as: extents, isWhole: true)
    }

    /// The value without the batch axis; `nil` when its first extent is another than 1.
    mutating func batched(_ value: Network.ValueID) -> Network.ValueID? {
        guard wholes.contains(value) else { return value }
        guard let extents = extents(value), extents.first == 1 else { return nil }
        return view(value, as: Array(extents.dropFirst()), isWhole: false)
    }

    /// A value to work on along the given axes of the model's tensor, and what to add to those to have the layer's.
    mutating func frame(_ value: Network.ValueID, using axes: [Int]) -> (value: Network.ValueID, offset: Int) {
        if wholes.contains(value) { return (value, 1) }
        return axes.contains(0) ? (whole(value), 1) : (value, 0)
    }

    /// Lets a value stand for the first output of a node.
    mutating func setResult(_ node: ONNXNodeReader, _ value: Network.ValueID) {
        guard let name = node.wire.output.first, !name.isEmpty else { return }
        var result = value
        // What has a leading extent of 1 is a batch of one sample.
        if let batched = batched(value) { result = batched }
        if network.values[result].name.isEmpty { network.values[result].name = name }
        facts[name] = .activation(result)
    }

    /// A parameter of the network that is no tensor of the model.
    mutating func addParameter(near name: String, _ parameter: Parameter) -> String {
        var result = name
        while network.parameters[result] != nil { result += "'" }
        network.parameters[result] = parameter
        return result
    }
}
