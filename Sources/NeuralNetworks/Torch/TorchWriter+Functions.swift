// Functions of single numbers, and of several.

extension TorchWriter {
    static func activation(_ activation: Activation, _ x: String, _ unsupported: NetworkError) throws(NetworkError) -> String {
        switch activation {
        case .identity: return x
        case .relu: return "F.relu(\(x))"
        case .leakyReLU(let slope): return "F.leaky_relu(\(x), \(PythonText.number(slope)))"
        case .clippedReLU(let maximum): return "torch.clamp(\(x), 0.0, \(PythonText.number(maximum)))"
        case .gelu(let approximateTanh): return "F.gelu(\(x)\(approximateTanh ? ", approximate=\"tanh\"" : ""))"
        case .tanh: return "torch.tanh(\(x))"
        case .sigmoid: return "torch.sigmoid(\(x))"
        case .silu: return "F.silu(\(x))"
        case .hardSwish: return "F.hardswish(\(x))"
        case .hardSigmoid: return "F.hardsigmoid(\(x))"
        case .elu(let alpha): return "F.elu(\(x), \(PythonText.number(alpha)))"
        case .function(let function): return try scalar(function, x, unsupported)
        }
    }

    private static func scalar(_ function: ScalarFunction, _ x: String, _ unsupported: NetworkError) throws(NetworkError) -> String {
        let n = PythonText.number
        switch function {
        case .absolute: return "torch.abs(\(x))"
        case .negation: return "-\(x)"
        case .exponential: return "torch.exp(\(x))"
        case .logarithm: return "torch.log(\(x))"
        case .squareRoot: return "torch.sqrt(\(x))"
        case .reciprocal: return "torch.reciprocal(\(x))"
        case .errorFunction: return "torch.erf(\(x))"
        case .softplus: return "F.softplus(\(x))"
        case .softsign: return "F.softsign(\(x))"
        case .mish: return "F.mish(\(x))"
        case .sine: return "torch.sin(\(x))"
        case .cosine: return "torch.cos(\(x))"
        case .tangent: return "torch.tan(\(x))"
        case .arcsine: return "torch.asin(\(x))"
        case .arccosine: return "torch.acos(\(x))"
        case .arctangent: return "torch.atan(\(x))"
        case .hyperbolicSine: return "torch.sinh(\(x))"
        case .hyperbolicCosine: return "torch.cosh(\(x))"
        case .inverseHyperbolicSine: return "torch.asinh(\(x))"
        case .inverseHyperbolicCosine: return "torch.acosh(\(x))"
        case .inverseHyperbolicTangent: return "torch.atanh(\(x))"
        case .round: return "torch.round(\(x))"
        case .floor: return "torch.floor(\(x))"
        case .ceiling: return "torch.ceil(\(x))"
        case .truncation: return "torch.trunc(\(x))"
        case .sign: return "torch.sign(\(x))"
        case .not: return "(\(x) == 0).to(torch.get_default_dtype())"
        case .isNonzero: return "(\(x) != 0).to(torch.get_default_dtype())"
        case .isNaN: return "torch.isnan(\(x)).to(torch.get_default_dtype())"
        case .celu(let alpha): return "F.celu(\(x), \(n(alpha)))"
        case .selu(let alpha, let gamma): return "\(n(gamma)) * torch.where(\(x) > 0, \(x), \(n(alpha)) * torch.expm1(\(x)))"
        case .thresholdedReLU(let alpha): return "F.threshold(\(x), \(n(alpha)), 0.0)"
        case .hardSigmoid(let slope, let offset): return "torch.clamp(\(n(slope)) * \(x) + \(n(offset)), 0.0, 1.0)"
        case .clip(let minimum, let maximum):
            // Ends of single precision are no bounds, and more than Python's numbers become.
            let bounds = [
                minimum > -Float.greatestFiniteMagnitude ? ["min=\(n(minimum))"] : [],
                maximum < Float.greatestFiniteMagnitude ? ["max=\(n(maximum))"] : [],
            ].flatMap { $0 }
            return bounds.isEmpty ? x : "torch.clamp(\(x), \(bounds.joined(separator: ", ")))"
        case .swish(let beta): return "\(x) * torch.sigmoid(\(n(beta)) * \(x))"
        case .power(let exponent): return "torch.pow(\(x), \(n(exponent)))"
        case .isInfinite, .shrink, .quantized: throw unsupported
        }
    }

    func elementwise(_ operation: ElementwiseOperation, _ operands: [String], _ node: Network.Node) throws(NetworkError) -> String {
        let all = operands.joined(separator: ", ")
        func folded(_ function: String) -> String { operands.dropFirst().reduce(operands[0]) { "\(function)(\($0), \($1))" } }
        func compared(_ sign: String) -> String { "(\(operands[0]) \(sign) \(operands[1])).to(torch.get_default_dtype())" }
        func combined(_ sign: String) -> String {
            "((\(operands[0]) != 0) \(sign) (\(operands[1]) != 0)).to(torch.get_default_dtype())"
        }
        switch operation {
        case .subtract: return "\(operands[0]) - (\(operands[1]))"
        case .divide: return "torch.div(\(all))"
        case .power: return "torch.pow(\(all))"
        case .minimum: return folded("torch.minimum")
        case .maximum: return folded("torch.maximum")
        case .mean: return "(\(operands.joined(separator: " + "))) / \(operands.count)"
        case .integerDivide: return "torch.div(\(all), rounding_mode=\"trunc\")"
        case .modulo(let truncates): return "torch.\(truncates ? "fmod" : "remainder")(\(all))"
        case .parametricReLU: return "torch.where(\(operands[0]) >= 0, \(operands[0]), (\(operands[1])) * \(operands[0]))"
        case .clamp: return "torch.minimum(torch.maximum(\(operands[0]), \(operands[1])), \(operands[2]))"
        case .select: return "torch.where(\(operands[0]) != 0, \(operands[1]), \(operands[2]))"
        case .equal: return compared("==")
        case .less: return compared("<")
        case .lessOrEqual: return compared("<=")
        case .greater: return compared(">")
        case .greaterOrEqual: return compared(">=")
        case .and: return combined("&")
        case .or: return combined("|")
        case .exclusiveOr: return combined("^")
        }
    }
}
