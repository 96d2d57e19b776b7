// How axes of the model's tensors correspond to those of the network's values.
//
// The network keeps the batch axis apart: a value is one sample. A tensor whose first extent is 1 for one sample is taken as
// (batch, sample…), which is what most are. Any other (tokens before the batch, heads merged with it, a state, a scalar) is
// *whole*: the sample has all its axes, with extent 1 where the batch is. For one sample both lie in memory alike, so going from
// one to the other is a view; networks are evaluated one sample at a time, whatever the order of axes in between.

extension ONNXDraft {
    /// Shape of the model's tensor for one sample; `nil` when unknown.
    func extents(_ value: Network.ValueID) -> [Int]? {
        network.values[value].shape.map { traits[value].isWhole ? $0 : [1] + $0 }
    }

    /// The same numbers under other axes; the value itself where it has these.
    mutating func view(_ value: Network.ValueID, as shape: [Int], isWhole: Bool) -> Network.ValueID {
        if traits[value].isWhole == isWhole, network.values[value].shape == shape { return value }
        let key = View(value: value, shape: shape, isWhole: isWhole)
        if let known = views[key] { return known }
        let result = addValue("", shape: shape, Traits(isWhole: isWhole, isInteger: traits[value].isInteger))
        let name = network.values[value].name
        append(
            .reshape(shape: [0] + shape), named: "view of \(name.isEmpty ? "value \(value)" : name)", inputs: [value], outputs: [result])
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
        guard traits[value].isWhole else { return value }
        guard let extents = extents(value), extents.first == 1 else { return nil }
        return view(value, as: Array(extents.dropFirst()), isWhole: false)
    }

    /// A value to work on along the given axes of the model's tensor, and what to add to those to have the layer's.
    mutating func frame(_ value: Network.ValueID, using axes: [Int]) -> (value: Network.ValueID, offset: Int) {
        if traits[value].isWhole { return (value, 1) }
        return axes.contains(0) ? (whole(value), 1) : (value, 0)
    }

    /// Notes that an extent of an activation must not change.
    mutating func keepExtent(_ source: ONNXAxis, for node: ONNXNodeReader) {
        let axis = traits[source.value].isWhole ? source.axis + 1 : source.axis
        guard axis > 0, keptExtents[source] == nil else { return }
        let value = addValue("", shape: [1])
        keptExtents[source] = value
        append(.extent(axis: axis), named: "extent for \(node.name)", inputs: [source.value], outputs: [value])
    }
}
