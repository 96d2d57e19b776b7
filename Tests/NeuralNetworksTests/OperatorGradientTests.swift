// Gradients through the operators that are rarely the bulk of a network, against differences.

import NeuralNetworks
import TestSupport
import Testing

@Suite struct OperatorGradientTests {
    /// One operator between two layers that mix everything: (6, 4) values go in, any shape comes out.
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let build: @Sendable (inout RandomNetwork, Int) throws -> Int

        init(_ name: String, _ build: @escaping @Sendable (inout RandomNetwork, Int) throws -> Int) {
            testDescription = name
            self.build = build
        }

        init(_ name: String, _ layer: Layer) { self.init(name) { random, x in try random.apply("op", layer, x) } }
    }

    /// A positive value of the shape of another.
    private static func positive(_ random: inout RandomNetwork, _ x: Int) throws -> Int {
        let other = try random.linear("other", x, 4)
        return try random.apply(
            "positive", .activation(.function(.softplus)), try random.apply("more", .add, other, random.constant("one", shape: [1])))
    }

    private static func elementwise(_ operation: ElementwiseOperation) -> Case {
        Case("\(operation)") { random, x in
            let other = try positive(&random, x)
            let base = operation == .power ? try random.apply("base", .activation(.function(.softplus)), x) : x
            return try random.apply("op", .elementwise(operation), base, other)
        }
    }

    private static func reduction(_ kind: Reduction.Kind, _ axes: [Int]) -> Case {
        Case("\(kind) over \(axes)") { random, x in
            let input = kind == .logSum ? try random.apply("positive", .activation(.function(.softplus)), x) : x
            return try random.apply("op", .reduction(Reduction(kind: kind, axes: axes, keepsAxes: true)), input)
        }
    }

    private static func recurrent(_ kind: Recurrent.Kind, _ direction: Recurrent.Direction, peepholes: Bool = false) -> Case {
        Case("\(kind) \(direction)\(peepholes ? " with peepholes" : "")") { random, x in
            let (count, rows) = (direction.count, kind.gates * 3)
            random.parameters["W"] = random.random([count, rows, 4], scale: 0.5)
            random.parameters["R"] = random.random([count, rows, 3], scale: 0.5)
            random.parameters["B"] = random.random([count, 2 * rows], scale: 0.3)
            if peepholes { random.parameters["P"] = random.random([count, 9], scale: 0.5) }
            let layer = Recurrent(
                kind: kind, direction: direction, hidden: 3, weight: "W", recurrence: "R", bias: "B", peepholes: peepholes ? "P" : nil)
            return try random.apply("op", .recurrent(layer), x)
        }
    }

    private static let pairs: [Case] = [ElementwiseOperation.subtract, .divide, .power, .minimum, .maximum, .mean, .parametricReLU].map(
        elementwise)

    private static let choices: [Case] = [
        Case("select") { random, x in
            let other = try random.linear("other", x, 4)
            let condition = try random.apply("less", .elementwise(.less), x, other)
            return try random.apply("op", .elementwise(.select), condition, x, other)
        },
        Case("clamp") { random, x in
            try random.apply("op", .elementwise(.clamp), x, random.constant("low", shape: [4]), try positive(&random, x))
        },
        Case("broadcast divide") { random, x in
            let row = try random.apply("row", .reduction(Reduction(kind: .mean, axes: [1], keepsAxes: true)), try positive(&random, x))
            return try random.apply("op", .elementwise(.divide), x, row)
        },
    ]

    private static let reductions: [Case] = {
        let kinds: [Reduction.Kind] = [
            .mean, .sum, .maximum, .minimum, .product, .absoluteSum, .norm, .squareSum, .logSum, .logSumExponential,
        ]
        return kinds.flatMap { kind in [[1], [2], [1, 2]].map { reduction(kind, $0) } }
    }()

    private static let axes: [Case] = {
        let operations: [AxisOperation] = [
            .logSoftmax, .cumulativeSum(exclusive: false, reverse: false), .cumulativeSum(exclusive: true, reverse: false),
            .cumulativeSum(exclusive: true, reverse: true), .normalize(power: 1), .normalize(power: 2),
            .localResponse(size: 3, alpha: 0.5, beta: 0.75, bias: 1), .localResponse(size: 4, alpha: 0.5, beta: 0.75, bias: 2),
        ]
        return operations.flatMap { operation in
            [1, -1].map { axis in Case("\(operation) along \(axis)", .alongAxis(operation, axis: axis)) }
        }
    }()

    private static let others: [Case] = [
        Case("gather", .gather(axis: 1, indices: [5, 0, 0, 3])),
        Case(
            "interpolation",
            .interpolation(
                Interpolation(axis: 1, positions: [0, 1, 1, 2, 4, 5], weights: [0.25, 0.75, 0.5, 0.5, 1, 0], tapCount: 2))),
        Case("product of activations") { random, x in
            let other = try random.apply("turned", .transpose(permutation: [0, 2, 1]), try random.linear("other", x, 4))
            return try random.apply("op", .matrixProduct, x, other)
        },
        Case("product with a matrix for all") { random, x in
            try random.apply("op", .matrixProduct, random.constant("matrix", shape: [3, 6]), x)
        },
        Case("transposed convolution") { random, x in
            random.parameters["T"] = random.random([6, 2, 3], scale: 0.4)
            random.parameters["Tb"] = random.random([4], scale: 0.4)
            let layer = ConvolutionTranspose(
                weight: "T", bias: "Tb", strides: [2], padding: [1, 0], outputPadding: [1], dilations: [1], groups: 2)
            return try random.apply("op", .convolutionTranspose(layer), x)
        },
        Case("transposed convolution of planes") { random, x in
            random.parameters["T"] = random.random([2, 3, 3, 2], scale: 0.4)
            let planes = try random.apply("planes", .reshape(shape: [-1, 2, 4, 3]), x)
            let layer = ConvolutionTranspose(
                weight: "T", bias: nil, strides: [1, 2], padding: [1, 0, 0, 1], outputPadding: [0, 0], dilations: [2, 1], groups: 1)
            return try random.apply("op", .convolutionTranspose(layer), planes)
        },
        Case("dilated maximum", .pooling(Pooling(kind: .maximum, window: [2], strides: [1], padding: [1, 0], dilations: [2]))),
        recurrent(.lstm, .forward), recurrent(.lstm, .both, peepholes: true), recurrent(.gru(resetsAfterProduct: true), .both),
        recurrent(.gru(resetsAfterProduct: false), .backward), recurrent(.gru(resetsAfterProduct: false), .both),
        recurrent(.elman, .both),
    ]

    static let cases: [Case] = pairs + choices + reductions + axes + others

    private static func network(_ test: Case, _ random: inout RandomNetwork) throws -> Network {
        let x = random.input([6, 4])
        let mixed = try random.apply("smooth", .activation(.tanh), try random.linear("mixed", x, 4))
        let result = try test.build(&random, mixed)
        let flat = try random.apply("flat", .flatten(axis: 1), result)
        let end = try random.apply("end", .activation(.tanh), try random.linear("last", flat, 3))
        return try random.network(outputs: end)
    }

    /// Inputs and all trained tensors, moved along a random direction.
    @Test(arguments: cases) func slopesAreDifferences(_ test: Case) throws {
        var random = RandomNetwork(seed: 11)
        let network = try Self.network(test, &random)
        let x = random.batch(3, [6, 4])
        let weights = random.random([3, 3]).values
        func value(_ network: Network, _ x: ActivationTensor) throws -> Double {
            zip(try network.forward(x).observed[0].values, weights).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        }
        func check(_ slope: Double, _ name: String, _ moved: (Float) throws -> Double) rethrows {
            let step: Float = 1e-3
            let difference = (try moved(step) - moved(-step)) / Double(2 * step)
            #expect(
                (slope - difference).magnitude <= 0.02 * Swift.max(difference.magnitude, 0.1), "\(name): \(slope) against \(difference)")
        }
        func dot(_ a: [Float], _ b: [Float]) -> Double { zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) } }

        let direction = random.random(x.shape).values
        let inputSlopes = try InputGradient(network).gradient(
            at: x, outputSeed: { sample, _, slopes in for i in 0..<3 { slopes[i] = weights[sample * 3 + i] } })
        #expect(inputSlopes.values.contains { $0 != 0 })
        try check(dot(inputSlopes.values, direction), "the input") { step in
            try value(network, ActivationTensor(shape: x.shape, values: zip(x.values, direction).map { $0 + step * $1 }))
        }

        let names = network.parameters.keys.sorted()
        let gradient = try WeightGradient(network, observing: network.outputs, parameters: names)
        let slopes = try gradient.gradient(at: [x]) { sample, _, slopes in
            for i in 0..<3 { slopes[0][i] = weights[sample * 3 + i] }
            return 0
        }.gradient
        for name in names {
            let tensor = try #require(network.parameters[name])
            let direction = random.random([tensor.values.count]).values
            try check(dot(Array(slopes[try #require(gradient.ranges[name])]), direction), name) { step in
                var moved = network
                moved.parameters[name] = Parameter(shape: tensor.shape, values: zip(tensor.values, direction).map { $0 + step * $1 })
                return try value(moved, x)
            }
        }
    }

    /// Rows of a table have slopes, what chooses them has none.
    @Test func tablesLearn() throws {
        var random = RandomNetwork(seed: 5)
        let x = random.input([4])
        random.parameters["table"] = random.random([7, 3])
        let rows = try random.apply("rows", .embedding(weight: "table"), x)
        let end = try random.linear("last", try random.apply("flat", .flatten(axis: 1), rows), 1)
        let network = try random.network(outputs: end)
        let indices = ActivationTensor(shape: [2, 4], values: [0, 3, 3, -1, 6, 2, 0, 0])
        let gradient = try WeightGradient(network, observing: network.outputs, parameters: ["table"])
        let slopes = try gradient.gradient(at: [indices]) { _, _, slopes in
            slopes[0][0] = 1
            return 0
        }.gradient
        let last = try #require(network.parameters["last.weight"]).values
        var expected = [Float](repeating: 0, count: 21)
        for (place, row) in [0, 3, 3, 6, 6, 2, 0, 0].enumerated() { for k in 0..<3 { expected[row * 3 + k] += last[place % 4 * 3 + k] } }
        #expect(zip(slopes, expected).allSatisfy { abs($0 - $1) < 1e-5 })
        #expect(
            try InputGradient(network).gradient(at: indices, outputSeed: { _, _, slopes in slopes[0] = 1 }).values.allSatisfy { $0 == 0 })
    }
}
