// Moments of every value of a network by formula: mean and covariance of its channels, layer by layer.
//
// Pre-activations are taken as jointly Gaussian with the propagated moments: exact for the first layer, an approximation
// (sums of many activations) after it. Convolutions follow the patch model (PatchModel.swift). What joins in a sum or a product is
// taken as independent:
//   Cov(x + y) = C_x + C_y,   Cov(x ∘ y) = C_x ∘ C_y + m_x m_xᵀ ∘ C_y + m_y m_yᵀ ∘ C_x                      (1)
// With trusted normalizations a batch normalization passes on correlations only. What it reads had the mean and the variance v
// that it stores, over the data, so its outputs have
//   mean β, deviation |γ|·√(v/(v + ε)), and the sign of γ in every correlation                             (2)
// whatever the approximations before it made of them, and the neighborhood ρ of a convolution right before it is the one whose
// variances come closest to those stored. Behind layers without a formula channels count as uncorrelated until the next batch
// normalization; nothing is stated about values in between.

import LinearAlgebra
import NeuralNetworks

package struct GaussianPropagation {
    /// Moments by value, as far as they can be stated.
    package private(set) var moments: [Network.ValueID: ActivationMoments] = [:]

    /// Channels of one value.
    fileprivate struct Field {
        var moments: ActivationMoments
        /// Places per channel: extents of the axes behind the channel axis, also after they were flattened into features.
        var extents: [Int]
        /// Correlation ρ of neighboring places, ρ^distance of others.
        var correlation: Double
        /// Stands in for what no formula describes.
        var isGuess = false

        var area: Int { extents.reduce(1, *) }
    }

    private let network: Network
    private let trustsNormalizations: Bool
    private let correlation: Double
    private var fields: [Network.ValueID: Field] = [:]

    /// - Parameters:
    ///   - network: one input; shapes inferred where it has spatial axes.
    ///   - input: moments of the input's channels, or of all its values (a dense network).
    ///   - correlation: ρ of neighboring pixels.
    ///   - trustsNormalizations: use (2).
    /// - Throws: `missingParameter`, `factorization`.
    package init(
        of network: Network, input: ActivationMoments, correlation: Double = 0, trustsNormalizations: Bool = false
    ) throws(PruningError) {
        self.network = network
        self.trustsNormalizations = trustsNormalizations
        self.correlation = correlation
        guard let source = network.inputs.first, network.inputs.count == 1 else { return }
        let shape = network.values[source].shape ?? []
        fields[source] = Field(
            moments: input, extents: shape.first == input.count ? Array(shape.dropFirst()) : [], correlation: correlation)
        let readers = network.nodes.reduce(into: [Network.ValueID: BatchNormalization]()) { readers, node in
            if case .batchNormalization(let layer) = node.layer { readers[node.inputs[0]] = layer }
        }
        for node in network.nodes where node.outputs.count == 1 {
            fields[node.outputs[0]] = try field(behind: node, normalization: readers[node.outputs[0]])
        }
        moments = fields.filter { !$0.value.isGuess }.mapValues(\.moments)
    }

    private func field(behind node: Network.Node, normalization: BatchNormalization?) throws(PruningError) -> Field? {
        guard let value = node.inputs.first else { return nil }
        let extents = Array((network.values[node.outputs[0]].shape ?? []).dropFirst())
        switch node.layer {
        case .identity, .flatten, .reshape: return fields[value]
        case .padding:
            guard var field = fields[value] else { return nil }
            field.extents = extents
            return field
        case .activation(let activation):
            guard var field = fields[value] else { return nil }
            field.moments = GaussianMoments.image(of: field.moments, under: activation)
            return field
        case .linear(let layer): return try image(of: value, under: layer, node)
        case .convolution(let layer): return try image(of: value, under: layer, node, extents, normalization)
        case .batchNormalization(let layer): return try normalized(behind: node, layer)
        case .pooling(let layer):
            guard var field = fields[value] else { return nil }
            // The largest of strongly correlated neighbors is close to any of them.
            if case .average = layer.kind { field.average(over: layer.window) }
            field.extents = extents
            return field
        case .globalAveragePooling:
            guard var field = fields[value] else { return nil }
            field.average(over: field.extents)
            field.extents = []
            return field
        case .add, .multiply, .concatenation(axis: 1): return joined(node)
        default: return nil
        }
    }

    // MARK: Affine layers

    private func image(of value: Network.ValueID, under layer: Linear, _ node: Network.Node) throws(PruningError) -> Field? {
        guard let field = fields[value] else { return nil }
        guard let parameter = network.parameters[layer.weight], parameter.shape.count == 2 else {
            throw .missingParameter(name: layer.weight, layer: node.name)
        }
        let columns = layer.widths(of: parameter.shape).inputs
        let bias = try layer.bias.map { (name) throws(PruningError) in try network.values(of: name).map(Double.init) }
        let rows = layer.outputRows(of: parameter)
        // Row-major (out, in) is column-major (in, out).
        let weight = Matrix(rows: rows.shape[1], columns: rows.shape[0], elements: rows.values.map(Double.init))
        if columns == field.moments.count {
            return Field(
                moments: field.moments.affineImage(weight: weight.transposed(), bias: bias), extents: [], correlation: field.correlation,
                isGuess: field.isGuess)
        }
        // Tokens or other leading axes: the moments of one position would be needed.
        guard columns == field.moments.count * field.area else { return nil }
        // A flattened image is read as a convolution as large as it.
        let patch = PatchModel(
            weight: weight.elements, outputs: parameter.values.count / columns,
            inputs: field.moments.count, places: PatchModel.places(field.extents))
        return try image(of: field, under: patch, bias: bias, correlation: field.correlation, extents: [], name: node.name)
    }

    private func image(
        of value: Network.ValueID, under layer: Convolution, _ node: Network.Node, _ extents: [Int],
        _ normalization: BatchNormalization?
    ) throws(PruningError) -> Field? {
        guard let parameter = network.parameters[layer.weight], parameter.shape.count >= 3 else {
            throw .missingParameter(name: layer.weight, layer: node.name)
        }
        let inputs = parameter.shape[1] * layer.groups
        guard let field = fields[value] ?? (normalization == nil ? nil : guess(inputs)), field.moments.count == inputs else { return nil }
        let bias = try layer.bias.map { (name) throws(PruningError) in try network.values(of: name).map(Double.init) }
        let patch = PatchModel(
            weight: parameter.values.map(Double.init), outputs: parameter.shape[0], inputs: inputs, groups: layer.groups,
            places: PatchModel.places(Array(parameter.shape.dropFirst(2)), dilations: layer.dilations))
        var correlation = field.correlation
        if trustsNormalizations, let normalization, patch.places.count > 1 {
            let variance = try network.values(of: normalization.variance).map(Double.init)
            if variance.count == patch.outputs { correlation = patch.correlation(fitting: variance, of: field.moments.covariance) }
        }
        return try image(of: field, under: patch, bias: bias, correlation: correlation, extents: extents, name: node.name)
    }

    private func image(
        of field: Field, under patch: PatchModel, bias: [Double]?, correlation: Double, extents: [Int], name: String
    ) throws(PruningError) -> Field {
        do throws(FactorizationError) {
            return Field(
                moments: try patch.image(of: field.moments, bias: bias, correlation: correlation), extents: extents,
                correlation: correlation, isGuess: field.isGuess)
        } catch {
            throw .factorization(error, layer: name)
        }
    }

    private func normalized(behind node: Network.Node, _ layer: BatchNormalization) throws(PruningError) -> Field? {
        let variance = try network.values(of: layer.variance).map { Double($0) }
        let beta = try layer.shift.map { (name) throws(PruningError) in try network.values(of: name) }
        let map: (scale: [Double], shift: [Double])
        do { map = try network.affineMap(of: layer, node: node) } catch { throw .network(error) }
        let n = variance.count
        guard var field = fields[node.inputs[0]] ?? (trustsNormalizations ? guess(n, node.inputs[0]) : nil), field.moments.count == n
        else { return nil }
        let (m, c) = (field.moments.mean, field.moments.covariance)
        // From the deviation that the stored variance states, or from the propagated one.
        let factor = variance.indices.map { k in
            guard trustsNormalizations else { return map.scale[k] }
            return c[k, k] > 0 ? map.scale[k] * (Swift.max(0, variance[k]) / c[k, k]).squareRoot() : 0
        }
        field.moments = ActivationMoments(
            mean: (0..<n).map { trustsNormalizations ? Double(beta?[$0] ?? 0) : m[$0] * map.scale[$0] + map.shift[$0] },
            covariance: Matrix(rows: n, columns: n) { c[$0, $1] * factor[$0] * factor[$1] })
        if trustsNormalizations { field.isGuess = false }
        return field
    }

    /// Uncorrelated channels, for want of better knowledge.
    private func guess(_ channels: Int, _ value: Network.ValueID? = nil) -> Field? {
        guard trustsNormalizations else { return nil }
        return Field(
            moments: ActivationMoments(mean: [Double](repeating: 0, count: channels), covariance: .identity(channels)),
            extents: value.map { Array((network.values[$0].shape ?? []).dropFirst()) } ?? [], correlation: correlation, isGuess: true)
    }

    // MARK: Several inputs

    private func joined(_ node: Network.Node) -> Field? {
        let parts = node.inputs.compactMap { fields[$0] }
        guard let first = parts.first, parts.count == node.inputs.count else { return nil }
        if case .concatenation = node.layer {
            guard parts.allSatisfy({ $0.extents == first.extents }) else { return nil }
            return parts.dropFirst().reduce(first) { $0.appending($1) }
        }
        guard parts.allSatisfy({ $0.moments.count == first.moments.count }) else { return nil }
        // A channel without places multiplies all places of the other.
        var result = parts.max { $0.area < $1.area } ?? first
        result.correlation = parts.reduce(0) { $0 + $1.correlation } / Double(parts.count)
        result.isGuess = parts.contains(where: \.isGuess)
        result.moments = parts.dropFirst().reduce(first.moments) {
            node.layer == .add ? $0.plusIndependent($1.moments) : $0.timesIndependent($1.moments)
        }
        return result
    }
}

extension GaussianPropagation.Field {
    /// Means over windows of neighboring places.
    fileprivate mutating func average(over window: [Int]) {
        let share = PatchModel.meanCorrelation(window, neighbor: correlation)
        for k in moments.covariance.elements.indices { moments.covariance.elements[k] *= share }
    }

    fileprivate func appending(_ other: Self) -> Self {
        let (a, b) = (moments.covariance, other.moments.covariance)
        let n = a.rows + b.rows
        var result = self
        result.moments = ActivationMoments(
            mean: moments.mean + other.moments.mean,
            covariance: Matrix(rows: n, columns: n) { i, j in
                if i < a.rows { return j < a.rows ? a[i, j] : 0 }
                return j < a.rows ? 0 : b[i - a.rows, j - a.rows]
            })
        result.isGuess = isGuess || other.isGuess
        return result
    }
}

extension ActivationMoments {
    /// Moments of x + y for independent y of as many channels.
    fileprivate func plusIndependent(_ other: ActivationMoments) -> ActivationMoments {
        ActivationMoments(
            mean: zip(mean, other.mean).map { $0 + $1 },
            covariance: Matrix(rows: count, columns: count) { covariance[$0, $1] + other.covariance[$0, $1] })
    }

    /// Moments of x ∘ y for independent y of as many channels.
    fileprivate func timesIndependent(_ other: ActivationMoments) -> ActivationMoments {
        ActivationMoments(
            mean: zip(mean, other.mean).map { $0 * $1 },
            covariance: Matrix(rows: count, columns: count) { i, j in
                covariance[i, j] * other.covariance[i, j] + mean[i] * mean[j] * other.covariance[i, j]
                    + other.mean[i] * other.mean[j] * covariance[i, j]
            })
    }
}
