// Forms of all channels of a network, from its weights alone.
//
// One walk in topological order. Linear layers, convolutions and normalizations act on (factor, term, offset) by algebra; an
// activation is followed through where it is positively homogeneous, or where the bounds of its argument put it on one linear
// piece: always off, always on, always at its maximum. What the walk does not understand makes terms that equal no others, which
// is always safe.

import NeuralNetworks

/// Forms of the values of one network.
struct ChannelFormAnalysis: Sendable {
    let network: Network
    private(set) var table = TermTable()
    private var known: [Network.ValueID: ChannelForms] = [:]
    /// The term that is 1 inside every image.
    private let one: Int

    /// - Parameter network: shapes inferred.
    init(_ network: Network) {
        self.network = network
        one = table.fresh(TermBounds(lower: 1, upper: 1))
        for node in network.nodes { visit(node) }
    }

    /// Forms along an axis of a sample; terms of their own where the walk does not know them.
    ///
    /// - Returns: `nil` when the value has no such axis of known extent.
    mutating func forms(of value: Network.ValueID, axis: Int) -> [ChannelForm]? {
        if let known = known[value], known.axis == axis { return known.forms }
        guard let shape = network.values[value].shape, axis >= 0, axis < shape.count, shape[axis] > 0 else { return nil }
        let forms = (0..<shape[axis]).map { _ in ChannelForm(term: table.fresh(), scale: 1, offset: 0) }
        if known[value] == nil { known[value] = ChannelForms(axis: axis, forms: forms) }
        return forms
    }

    /// Forms of what a linear layer or convolution reads, along its channel axis.
    mutating func inputForms(ofReader node: Network.Node) -> [ChannelForm]? {
        guard let rank = network.values[node.inputs[0]].shape?.count else { return nil }
        if case .linear = node.layer { return forms(of: node.inputs[0], axis: rank - 1) }
        return forms(of: node.inputs[0], axis: 0)
    }

    /// Operations of term keys.
    private enum Operation: Int { case linear, convolution, activation, pooling, spatial, place, sum, product }

    private mutating func visit(_ node: Network.Node) {
        guard let first = node.inputs.first, let output = node.outputs.first else {
            if case .constant(let parameter) = node.layer { visitConstant(node, parameter) }
            return
        }
        switch node.layer {
        case .linear(let layer): visitLinear(node, layer)
        case .convolution(let layer): visitConvolution(node, layer)
        case .batchNormalization(let layer): visitNormalization(node, layer)
        case .activation(let activation):
            guard let input = known[first] else { return }
            set(output, input.axis, input.forms.map { apply(activation, $0) })
        case .identity: known[output] = known[first]
        case .pooling(let layer):
            guard let input = known[first], input.axis == 0 else { return }
            set(output, 0, input.forms.map { pool(layer, $0) })
        case .globalAveragePooling(let keeps):
            guard let input = known[first], input.axis == 0 else { return }
            let key = [Operation.pooling.rawValue, keeps ? 1 : 0]
            set(output, 0, input.forms.map { linearly($0, key) })
        case .add: visitSum(node, output)
        case .multiply: visitProduct(node, output)
        case .concatenation(let axis): visitConcatenation(node, output, axis)
        case .split(let axis, let sizes): visitSplit(node, axis, sizes)
        case .slice(let ranges): visitSlice(node, output, ranges)
        case .padding(let before, let after, let value): visitPadding(node, output, before, after, Double(value))
        case .flatten: visitReshape(first, output, isFlatten: true)
        case .reshape: visitReshape(first, output, isFlatten: network.values[output].shape?.count == 1)
        default: return
        }
    }

    private mutating func set(_ value: Network.ValueID, _ axis: Int, _ forms: [ChannelForm]) {
        known[value] = ChannelForms(axis: axis, forms: forms)
    }

    private func values(_ name: String?) -> [Double]? { name.flatMap { network.parameters[$0]?.values.map(Double.init) } }

    // MARK: Layers with weights

    private mutating func visitLinear(_ node: Network.Node, _ layer: Linear) {
        guard let weight = network.parameters[layer.weight], weight.shape.count == 2,
            let rank = network.values[node.inputs[0]].shape?.count,
            let inputs = inputForms(ofReader: node)
        else { return }
        let (outputs, width) = layer.widths(of: weight.shape)
        guard inputs.count == width else { return }
        let strides = layer.strides(outputs: outputs, inputs: width)
        let rows = WeightRows(
            values: weight.values, outputs: 0..<outputs, forms: inputs, taps: 1, outputStride: strides.output,
            inputStride: strides.input, isPadded: false, one: one)
        let forms = table.forms(rows, operation: [Operation.linear.rawValue])
        set(node.outputs[0], rank - 1, shifted(forms, by: layer.bias))
    }

    private mutating func visitConvolution(_ node: Network.Node, _ layer: Convolution) {
        guard let weight = network.parameters[layer.weight], weight.shape.count >= 3, layer.groups > 0,
            let inputs = inputForms(ofReader: node), inputs.count == weight.shape[1] * layer.groups, weight.shape[0] % layer.groups == 0
        else { return }
        let kernel = Array(weight.shape[2...])
        let taps = kernel.reduce(1, *)
        let (width, outputs) = (weight.shape[1], weight.shape[0] / layer.groups)
        let operation = [Operation.convolution.rawValue] + layer.strides + layer.padding + layer.dilations + kernel
        var forms: [ChannelForm] = []
        for share in 0..<layer.groups {
            let rows = WeightRows(
                values: weight.values, outputs: share * outputs..<(share + 1) * outputs,
                forms: Array(inputs[share * width..<(share + 1) * width]), taps: taps, outputStride: width * taps, inputStride: taps,
                isPadded: layer.padding.contains { $0 != 0 }, one: one)
            forms += table.forms(rows, operation: operation)
        }
        set(node.outputs[0], 0, shifted(forms, by: layer.bias))
    }

    private func shifted(_ forms: [ChannelForm], by bias: String?) -> [ChannelForm] {
        guard let bias = values(bias), bias.count == forms.count else { return forms }
        return zip(forms, bias).map { $0.mapped(1, $1) }
    }

    private mutating func visitNormalization(_ node: Network.Node, _ layer: BatchNormalization) {
        guard let inputs = forms(of: node.inputs[0], axis: 0), let map = try? network.affineMap(of: layer, node: node),
            map.scale.count == inputs.count
        else { return }
        set(node.outputs[0], 0, inputs.indices.map { inputs[$0].mapped(map.scale[$0], map.shift[$0]) })
    }

    private mutating func visitConstant(_ node: Network.Node, _ parameter: String) {
        guard let output = node.outputs.first, let tensor = network.parameters[parameter], Set(tensor.values).count == 1,
            let value = tensor.values.first
        else { return }
        // One number everywhere: a constant whatever it is broadcast to.
        known[output] = ChannelForms(axis: -1, forms: [.constant(Double(value))])
    }

    // MARK: Elementwise

    /// φ(scale·T + offset).
    private mutating func apply(_ activation: Activation, _ form: ChannelForm) -> ChannelForm {
        if form.isConstant { return .constant(activation.value(form.offset)) }
        let range = table.bounds[form.term].mapped(form)
        switch activation {
        case .identity: return form
        case .relu where range.lower >= 0, .leakyReLU where range.lower >= 0: return form
        case .relu where range.upper <= 0: return .constant(0)
        case .leakyReLU(let slope) where range.upper <= 0: return form.mapped(Double(slope), 0)
        case .clippedReLU where range.upper <= 0: return .constant(0)
        case .clippedReLU(let maximum) where range.lower >= Double(maximum): return .constant(Double(maximum))
        case .clippedReLU(let maximum) where range.lower >= 0 && range.upper <= Double(maximum): return form
        default: break
        }
        let operation = [Operation.activation.rawValue] + code(of: activation)
        let key = TermTable.Key(operation: operation + [form.scale < 0 ? 1 : 0], terms: [form.term])
        if activation.isPositivelyHomogeneous {
            // φ(s·T + c) = |s|·φ(±T + c/|s|).
            let size = form.scale.magnitude
            let inner = ChannelForm(term: form.term, scale: form.scale < 0 ? -1 : 1, offset: form.offset / size)
            let image = bounds(of: activation, table.bounds[form.term].mapped(inner))
            return ChannelForm(term: table.term(key, [inner.offset], bounds: image), scale: size, offset: 0)
        }
        let term = table.term(key, [form.scale, form.offset], bounds: bounds(of: activation, range))
        return ChannelForm(term: term, scale: 1, offset: 0)
    }

    private func code(of activation: Activation) -> [Int] {
        switch activation {
        case .leakyReLU(let slope): [1, Int(slope.bitPattern)]
        case .clippedReLU(let maximum): [2, Int(maximum.bitPattern)]
        case .elu(let alpha): [3, Int(alpha.bitPattern)]
        default: [0, "\(activation)".utf8.reduce(0) { $0 &* 131 &+ Int($1) }]
        }
    }

    private func bounds(of activation: Activation, _ range: TermBounds) -> TermBounds {
        switch activation {
        case .relu: TermBounds(lower: Swift.max(range.lower, 0), upper: Swift.max(range.upper, 0))
        case .clippedReLU(let maximum):
            TermBounds(
                lower: Swift.min(Swift.max(range.lower, 0), Double(maximum)), upper: Swift.min(Swift.max(range.upper, 0), Double(maximum)))
        case .sigmoid, .hardSigmoid: TermBounds(lower: 0, upper: 1)
        case .tanh: TermBounds(lower: -1, upper: 1)
        default: .unbounded
        }
    }

    /// A linear map over places that keeps constants: scale·L(T) + offset.
    private mutating func linearly(_ form: ChannelForm, _ operation: [Int]) -> ChannelForm {
        if form.isConstant { return form }
        let term = table.term(.init(operation: operation, terms: [form.term]), bounds: table.bounds[form.term])
        return ChannelForm(term: term, scale: form.scale, offset: form.offset)
    }

    private mutating func pool(_ layer: Pooling, _ form: ChannelForm) -> ChannelForm {
        if case .average(countsPadding: true) = layer.kind, layer.padding.contains(where: { $0 != 0 }) || layer.ceilMode {
            // Zeros count near the border: a constant is none there.
            let key = TermTable.Key(operation: geometry(layer, 2), terms: [form.isConstant ? one : form.term])
            let range = table.bounds[key.terms[0]]
            guard form.offset != 0 else {
                if form.isConstant { return form }
                return ChannelForm(term: table.term(key, [1, 0], bounds: range.withZero), scale: form.scale, offset: 0)
            }
            return ChannelForm(
                term: table.term(key, [form.scale, form.offset], bounds: range.mapped(form).withZero), scale: 1, offset: 0)
        }
        if case .maximum = layer.kind {
            // The maximum of a negative multiple is the multiple of the minimum.
            return linearly(form, geometry(layer, form.scale < 0 ? 1 : 0))
        }
        return linearly(form, geometry(layer, 3))
    }

    private func geometry(_ layer: Pooling, _ kind: Int) -> [Int] {
        [Operation.pooling.rawValue, 2 + kind, layer.ceilMode ? 1 : 0] + layer.window + layer.strides + layer.padding
    }

    /// What several inputs of an elementwise operation are, channel by channel along one axis.
    private mutating func operands(_ node: Network.Node, _ output: Network.ValueID) -> (axis: Int, forms: [[ChannelForm]])? {
        guard let shape = network.values[output].shape else { return nil }
        var axis: Int?
        for input in node.inputs {
            if let own = known[input], own.axis >= 0, network.values[input].shape?.count == shape.count { axis = axis ?? own.axis }
        }
        guard let axis else { return nil }
        var result: [[ChannelForm]] = []
        for input in node.inputs {
            if let own = known[input], own.axis < 0 {
                result.append([ChannelForm](repeating: own.forms[0], count: shape[axis]))
            } else if let own = network.values[input].shape, own.count == shape.count, own[axis] == shape[axis],
                let forms = forms(of: input, axis: axis)
            {
                result.append(forms)
            } else {
                return nil
            }
        }
        return (axis, result)
    }

    private mutating func visitSum(_ node: Network.Node, _ output: Network.ValueID) {
        guard let (axis, inputs) = operands(node, output) else { return }
        set(
            output, axis,
            inputs[0].indices.map { c in
                var (offset, scales) = (0.0, [Int: Double]())
                for input in inputs {
                    offset += input[c].offset
                    if !input[c].isConstant { scales[input[c].term, default: 0] += input[c].scale }
                }
                let terms = scales.keys.sorted().filter { scales[$0] != 0 }
                guard let lead = terms.first.flatMap({ scales[$0] }) else { return .constant(offset) }
                if terms.count == 1 { return ChannelForm(term: terms[0], scale: lead, offset: offset) }
                let ratios = terms.map { (scales[$0] ?? 0) / lead }
                var range = TermBounds(lower: 0, upper: 0)
                for (term, ratio) in zip(terms, ratios) {
                    let part = table.bounds[term].mapped(ChannelForm(term: term, scale: ratio, offset: 0))
                    range = TermBounds(lower: range.lower + part.lower, upper: range.upper + part.upper)
                }
                let term = table.term(.init(operation: [Operation.sum.rawValue], terms: terms), ratios, bounds: range)
                return ChannelForm(term: term, scale: lead, offset: offset)
            })
    }

    private mutating func visitProduct(_ node: Network.Node, _ output: Network.ValueID) {
        guard let (axis, inputs) = operands(node, output) else { return }
        set(
            output, axis,
            inputs[0].indices.map { c in
                var factor = 1.0
                var factors: [ChannelForm] = []
                for input in inputs { if input[c].isConstant { factor *= input[c].offset } else { factors.append(input[c]) } }
                guard factor != 0, !factors.isEmpty else { return .constant(factors.isEmpty ? factor : 0) }
                if factors.count == 1 { return factors[0].mapped(factor, 0) }
                factors.sort { ($0.term, $0.scale, $0.offset) < ($1.term, $1.scale, $1.offset) }
                var scale = factor
                for form in factors { scale *= form.scale }
                let term = table.term(
                    .init(operation: [Operation.product.rawValue], terms: factors.map(\.term)), factors.map { $0.offset / $0.scale },
                    bounds: .unbounded)
                return ChannelForm(term: term, scale: scale, offset: 0)
            })
    }

    // MARK: Shapes

    private mutating func visitConcatenation(_ node: Network.Node, _ output: Network.ValueID, _ axis: Int) {
        guard let rank = network.values[output].shape?.count else { return }
        let own = (axis < 0 ? axis + rank + 1 : axis) - 1
        var result: [ChannelForm] = []
        for input in node.inputs {
            guard network.values[input].shape?.count == rank else { return }
            if let uniform = known[input], uniform.axis < 0, let extent = network.values[input].shape?[own] {
                result += [ChannelForm](repeating: uniform.forms[0], count: extent)
            } else if let forms = forms(of: input, axis: own) {
                result += forms
            } else {
                return
            }
        }
        guard network.values[output].shape?[own] == result.count else { return }
        // Joined along another axis than the channels' the parts would be other functions at other places.
        if node.inputs.contains(where: { known[$0].map { $0.axis >= 0 && $0.axis != own } ?? false }) { return }
        set(output, own, result)
    }

    private mutating func visitSplit(_ node: Network.Node, _ axis: Int, _ sizes: [Int]) {
        guard let input = known[node.inputs[0]], let rank = network.values[node.inputs[0]].shape?.count,
            (axis < 0 ? axis + rank + 1 : axis) - 1 == input.axis, sizes.reduce(0, +) == input.forms.count
        else { return }
        var first = 0
        for (output, size) in zip(node.outputs, sizes) {
            set(output, input.axis, Array(input.forms[first..<first + size]))
            first += size
        }
    }

    private mutating func visitSlice(_ node: Network.Node, _ output: Network.ValueID, _ ranges: [SliceRange]) {
        guard let input = known[node.inputs[0]], input.axis >= 0, let shape = network.values[output].shape else { return }
        var forms = input.forms
        var places: [Int] = []
        for (index, range) in ranges.enumerated() where index > 0 && range != SliceRange() {
            if index - 1 == input.axis {
                guard range.step == 1 else { return }
                let taken = range.resolved(extent: forms.count)
                forms = Array(forms[taken.start..<taken.start + taken.count])
            } else {
                places += [index, range.start, range.end, range.step]
            }
        }
        guard shape[input.axis] == forms.count else { return }
        if !places.isEmpty { forms = forms.map { linearly($0, [Operation.spatial.rawValue, 0] + places) } }
        set(output, input.axis, forms)
    }

    private mutating func visitPadding(
        _ node: Network.Node, _ output: Network.ValueID, _ before: [Int], _ after: [Int], _ value: Double
    ) {
        guard let input = known[node.inputs[0]], input.axis >= 0, input.axis + 1 < before.count, before.count == after.count else { return }
        var forms = input.forms
        let places = before.indices.filter { $0 != input.axis + 1 && (before[$0] != 0 || after[$0] != 0) }
        if !places.isEmpty {
            let operation = [Operation.spatial.rawValue, 1] + places.flatMap { [$0, before[$0], after[$0]] }
            forms = forms.map { form in
                // A constant that is the padding's own stays one.
                if form.isConstant && form.offset == value { return form }
                let range = table.bounds[form.isConstant ? one : form.term]
                let (low, high) = (Swift.min(range.mapped(form).lower, value), Swift.max(range.mapped(form).upper, value))
                let key = TermTable.Key(operation: operation, terms: [form.isConstant ? one : form.term])
                if form.offset == 0, value == 0 {
                    return ChannelForm(term: table.term(key, [], bounds: range.withZero), scale: form.scale, offset: 0)
                }
                let term = table.term(key, [form.scale, form.offset, value], bounds: TermBounds(lower: low, upper: high))
                return ChannelForm(term: term, scale: 1, offset: 0)
            }
        }
        let fill = ChannelForm.constant(value)
        forms =
            [ChannelForm](repeating: fill, count: before[input.axis + 1]) + forms
            + [ChannelForm](repeating: fill, count: after[input.axis + 1])
        set(output, input.axis, forms)
    }

    /// Channels that keep their axis, or that become runs of one axis.
    private mutating func visitReshape(_ input: Network.ValueID, _ output: Network.ValueID, isFlatten: Bool) {
        guard let old = known[input], old.axis >= 0, let from = network.values[input].shape, let to = network.values[output].shape else {
            return
        }
        if from == to {
            known[output] = old
        } else if from.enumerated().allSatisfy({ $0.offset == old.axis || $0.element == 1 }),
            let axis = to.firstIndex(where: { $0 != 1 }) ?? (to.isEmpty ? nil : 0), to[axis] == old.forms.count,
            to.enumerated().allSatisfy({ $0.offset == axis || $0.element == 1 })
        {
            set(output, axis, old.forms)
        } else if isFlatten, to.count == 1, old.axis == 0 {
            let run = from.dropFirst().reduce(1, *)
            guard old.forms.count * run == to[0] else { return }
            var forms: [ChannelForm] = []
            forms.reserveCapacity(to[0])
            for form in old.forms {
                for place in 0..<run { forms.append(linearly(form, [Operation.place.rawValue, place])) }
            }
            set(output, 0, forms)
        }
    }
}
