// Resize and Upsample, one axis at a time: every output position is a weighted sum of input positions, known once sizes are.
//
// Positions by the coordinate transformation, weights by nearest, linear or cubic interpolation (Keys, IEEE ASSP 29, 1981, with
// the coefficient the model states). Semantics: https://onnx.ai/onnx/operators/onnx__Resize.html.

import TensorFiles

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension ONNXImporter {
    mutating func lowerResize(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let given = activation(node, 0), let shape = draft.extents(given), let scaling = try scaling(node, shape) else {
            return false
        }
        let touched = shape.indices.filter { scaling.scales[$0] != 1 || scaling.sizes[$0] != shape[$0] }
        _ = try Network.size(of: scaling.sizes, node: node.name)
        guard let last = touched.last else {
            setResult(node, given)
            return true
        }
        var (value, offset) = draft.frame(given, using: touched)
        for axis in touched {
            guard scaling.sizes[axis] < 1 << 20, shape[axis] > 0 else { return false }
            let taps = scaling.taps(from: shape[axis], to: scaling.sizes[axis], scale: scaling.scales[axis])
            let layer: Layer =
                taps.count == 1
                ? .gather(axis: axis + offset, indices: taps.positions)
                : .interpolation(
                    Interpolation(axis: axis + offset, positions: taps.positions, weights: taps.weights, tapCount: taps.count))
            value = try emit(layer, node, inputs: [value], outputs: axis == last ? nil : [""])
            if axis != last { draft.forgetOrigin() }
        }
        return true
    }

    private func scaling(_ node: ONNXNodeReader, _ shape: [Int]) throws(NetworkError) -> ONNXScaling? {
        let rank = shape.count
        let isOld = node.operation == "Upsample" || node.version < 11
        var scales: [Float]?, sizes: [Int]?
        if node.operation == "Upsample", node.version < 9 {
            guard let attribute = node.wire.attribute.first(where: { $0.name == "scales" }) else { return nil }
            scales = attribute.floats
        } else {
            let slot = isOld ? 1 : 2
            if let stated = try constant(node, slot), stated.elements.count > 0 { scales = stated.floats }
            if !isOld, node.input(3) != nil {
                guard let stated = try constant(node, 3)?.integers else { return nil }
                sizes = stated
            }
        }
        if let axes = try node.integers("axes") {
            let places = axes.compactMap { RowMajor.position($0, rank: rank) }
            guard places.count == axes.count, (scales ?? []).isEmpty || scales?.count == axes.count,
                sizes == nil || sizes?.count == axes.count
            else { return nil }
            if let own = scales {
                var all = [Float](repeating: 1, count: rank)
                for (place, value) in zip(places, own) { all[place] = value }
                scales = all
            }
            if let own = sizes {
                var all = shape
                for (place, value) in zip(places, own) { all[place] = value }
                sizes = all
            }
        }
        var result = ONNXScaling(scales: [], sizes: [])
        if var sizes {
            guard sizes.count == rank, sizes.allSatisfy({ $0 > 0 }) else { return nil }
            if let fixedBatch = self.sizes.fixedBatch, fixedBatch > 1, sizes[0] == fixedBatch, shape[0] == 1 { sizes[0] = 1 }
            let policy = try node.string("keep_aspect_ratio_policy") ?? "stretch"
            guard policy == "stretch" else { return nil }
            result.sizes = sizes
            result.scales = zip(sizes, shape).map { Float($0) / Float($1) }
        } else if let scales, scales.count == rank, scales.allSatisfy({ $0 > 0 && $0.isFinite }) {
            result.scales = scales
            for (extent, scale) in zip(shape, scales) {
                let size = (Float(extent) * scale).rounded(.down)
                guard size >= 1, size < Float(1 << 24) else { return nil }
                result.sizes.append(Int(size))
            }
        } else {
            return nil
        }
        let mode = try node.string("mode") ?? "nearest"
        let coordinates = isOld ? "asymmetric" : try node.string("coordinate_transformation_mode") ?? "half_pixel"
        guard let coordinate = ONNXScaling.Coordinate(rawValue: coordinates), try node.integer("antialias") ?? 0 == 0 else { return nil }
        result.coordinate = coordinate
        switch mode {
        case "nearest":
            let rounding = isOld ? "floor" : try node.string("nearest_mode") ?? "round_prefer_floor"
            guard let rounding = ONNXScaling.Rounding(rawValue: rounding) else { return nil }
            result.blend = .nearest(rounding)
        case "linear", "bilinear": result.blend = .linear
        case "cubic":
            result.blend = .cubic(
                coefficient: Double(try node.float("cubic_coeff_a") ?? -0.75),
                excludesOutside: try node.integer("exclude_outside") ?? 0 != 0)
        default: return nil
        }
        return result
    }
}

/// How an axis is resized.
struct ONNXScaling {
    enum Coordinate: String {
        case halfPixel = "half_pixel"
        case halfPixelSymmetric = "half_pixel_symmetric"
        case pytorchHalfPixel = "pytorch_half_pixel"
        case asymmetric
        case alignCorners = "align_corners"
    }

    enum Rounding: String {
        case preferFloor = "round_prefer_floor"
        case preferCeiling = "round_prefer_ceil"
        case floor
        case ceiling = "ceil"
    }

    enum Blend {
        case nearest(Rounding)
        case linear
        case cubic(coefficient: Double, excludesOutside: Bool)
    }

    var scales: [Float]
    var sizes: [Int]
    var coordinate = Coordinate.halfPixel
    var blend = Blend.nearest(.preferFloor)

    /// Input positions and weights of every output position.
    func taps(from extent: Int, to size: Int, scale: Float) -> (positions: [Int], weights: [Float], count: Int) {
        var positions: [Int] = [], weights: [Float] = []
        for index in 0..<size {
            let x = Double(place(Float(index), extent: extent, size: size, scale: scale))
            switch blend {
            case .nearest(let rounding):
                positions.append(min(max(Self.round(x, rounding), 0), extent - 1))
                weights.append(1)
            case .linear:
                let clamped = min(max(x, 0), Double(extent - 1))
                let low = Int(clamped)
                let share = clamped - Double(low)
                positions += [low, min(low + 1, extent - 1)]
                weights += [Float(1 - share), Float(share)]
            case .cubic(let a, let excludesOutside):
                let low = Int(x.rounded(.down))
                let share = x - Double(low)
                var own = [Self.cubic(share + 1, a), Self.cubic(share, a), Self.cubic(1 - share, a), Self.cubic(2 - share, a)]
                if excludesOutside {
                    for tap in 0..<4 where !(0..<extent).contains(low - 1 + tap) { own[tap] = 0 }
                    let sum = own.reduce(0, +)
                    if sum != 0 { own = own.map { $0 / sum } }
                }
                positions += (0..<4).map { min(max(low - 1 + $0, 0), extent - 1) }
                weights += own.map { Float($0) }
            }
        }
        let count =
            switch blend {
            case .nearest: 1
            case .linear: 2
            case .cubic: 4
            }
        return (positions, weights, count)
    }

    /// In single precision, as runtimes compute it: where it decides on a rounding, theirs is the answer.
    private func place(_ index: Float, extent: Int, size: Int, scale: Float) -> Float {
        switch coordinate {
        case .halfPixel: return (index + 0.5) / scale - 0.5
        case .halfPixelSymmetric:
            let adjustment = Float(size) / (scale * Float(extent))
            let center = Float(extent) / 2
            return center * (1 - adjustment) + (index + 0.5) / scale - 0.5
        case .pytorchHalfPixel: return size > 1 ? (index + 0.5) / scale - 0.5 : 0
        case .asymmetric: return index / scale
        case .alignCorners: return size > 1 ? index * Float(extent - 1) / Float(size - 1) : 0
        }
    }

    private static func round(_ x: Double, _ rounding: Rounding) -> Int {
        switch rounding {
        case .floor: Int(x.rounded(.down))
        case .ceiling: Int(x.rounded(.up))
        case .preferFloor: Int((x - 0.5).rounded(.up))
        case .preferCeiling: Int((x + 0.5).rounded(.down))
        }
    }

    /// Keys' kernel at distance t.
    private static func cubic(_ t: Double, _ a: Double) -> Double {
        if t <= 1 { return ((a + 2) * t - (a + 3)) * t * t + 1 }
        return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0
    }
}
