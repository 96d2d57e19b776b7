// What is done with each operator of ONNX, in one table: printed by the tool, checked against graphs of all of them by the tests.

/// The operators of ONNX (opsets 8 to 21) and of onnxruntime's optimizer, and what is understood of them.
public enum ONNXOperators {
    /// One operator.
    public struct Entry: Sendable, Codable, Equatable {
        /// As the file names it, with the domain if it is not the default one.
        public var name: String
        /// Channels are followed and cut through it.
        public var isFollowed: Bool
        /// Its outputs are computed.
        public var isEvaluated: Bool
        /// Gradients pass it.
        public var isDifferentiated: Bool
        /// What is not: conditions, attributes.
        public var limits: String
    }

    /// Whether an operator, named as in ``Entry/name``, takes or makes the integers of a quantized model, those that leave floating-point
    /// values (DequantizeLinear) excepted.
    static func computesWithIntegers(_ name: String) -> Bool {
        let base = name.split(separator: ".").last.map(String.init) ?? name
        return base.hasPrefix("QLinear") || base.hasPrefix("DynamicQuantize")
            || ["MatMulInteger", "ConvInteger", "MatMulIntegerToFloat", "QGemm", "QAttention", "QEmbedLayerNormalization"].contains(base)
    }

    /// Every operator that is understood at least in part, by name.
    public static let table: [Entry] = {
        var entries: [Entry] = []
        func add(_ names: String, followed: Bool = true, differentiated: Bool, _ limits: String = "") {
            for name in names.split(separator: " ") {
                entries.append(
                    Entry(
                        name: String(name), isFollowed: followed, isEvaluated: true, isDifferentiated: differentiated, limits: limits))
            }
        }
        add(
            "Abs Acos Acosh Asin Asinh Atan Atanh Ceil Celu Cos Cosh Elu Erf Exp Floor Gelu HardSigmoid HardSwish "
                + "IsInf IsNaN LeakyRelu Log Mish Neg Not Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh "
                + "Softplus Softsign Sqrt Swish Tan Tanh ThresholdedRelu com.microsoft.FastGelu com.microsoft.Gelu "
                + "com.microsoft.QuickGelu",
            differentiated: true)
        add("Clip", differentiated: true)
        add("Cast CastLike", differentiated: true, "to an integer: a staircase")
        add("Identity", differentiated: true)
        add("Dropout", differentiated: true, "as at inference")
        add("com.microsoft.BiasGelu", differentiated: true)
        add("Add Sum Mul", differentiated: true)
        add("Sub Div Min Max Mean Pow Mod PRelu Where", differentiated: true)
        add("And Equal Greater GreaterOrEqual Less LessOrEqual Or Xor", differentiated: false)
        add("Conv", differentiated: true, "one or two spatial axes, weights that are constants")
        add("com.microsoft.FusedConv", differentiated: true, "as Conv, without a sum")
        add("ConvTranspose", differentiated: true, "one or two spatial axes, weights that are constants")
        add("Gemm com.microsoft.FusedGemm MatMul", differentiated: true)
        add("com.microsoft.FusedMatMul", differentiated: true, "left operand as it is")
        add("Einsum", differentiated: true, "one or two operands, no ellipsis, no repeated label")
        add("BatchNormalization", differentiated: true, "statistics as stored")
        add("InstanceNormalization", differentiated: true)
        add(
            "GroupNormalization", differentiated: true,
            "whole groups of channels are cut; from opset 21 on, before as Reshape and InstanceNormalization")
        add(
            "LayerNormalization RMSNormalization SimplifiedLayerNormalization com.microsoft.SimplifiedLayerNormalization "
                + "com.microsoft.SkipLayerNormalization com.microsoft.SkipSimplifiedLayerNormalization",
            differentiated: true, "over the last axis; what stays is normalized without what goes")
        add("MeanVarianceNormalization", differentiated: true, "batch of 1")
        add("LRN LpNormalization", differentiated: true, "followed where they run along another axis than the channels")
        add("Softmax LogSoftmax CumSum", differentiated: true, "followed where they run along another axis than the channels")
        add("Hardmax", differentiated: false, "followed where it runs along another axis than the channels")
        add("AveragePool MaxPool", differentiated: true, "one or two spatial axes, indices unread")
        add("LpPool", differentiated: true, "one or two spatial axes")
        add("GlobalAveragePool GlobalMaxPool GlobalLpPool", differentiated: true)
        add(
            "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare",
            differentiated: true, "followed where channels are not reduced")
        add("ArgMax ArgMin", differentiated: false, "followed where channels are not reduced")
        add("Concat Split Slice Transpose", differentiated: true, "bounds that are constants once sizes are")
        add("SplitToSequence SequenceAt", differentiated: true, "sizes and positions that are constants once sizes are")
        add("Flatten Reshape Squeeze Unsqueeze", differentiated: true, "shapes that are constants once sizes are")
        add("Pad", differentiated: true, "every mode")
        add("Expand Tile", differentiated: true, "repeats that are constants once sizes are")
        add("Gather", differentiated: true, "constant indices, or rows of a constant table by computed indices")
        add("GatherElements GatherND", followed: false, differentiated: true, "constant indices")
        add("Resize Upsample", differentiated: true, "nearest, linear, cubic; no antialiasing, no cropping")
        add("DepthToSpace SpaceToDepth", differentiated: true)
        add("Trilu", differentiated: true)
        add("LSTM GRU RNN", differentiated: true, "usual activations, no clipping, one length; both directions cut together")
        add("QuantizeLinear", differentiated: true, "one scale; gradients as if it were not there")
        add("DequantizeLinear", differentiated: true, "of constants, and behind QuantizeLinear")
        add("If", followed: false, differentiated: true, "condition known once sizes are")
        for name in ["Constant", "ConstantOfShape", "NonZero", "Range", "Shape", "Size"] {
            entries.append(
                Entry(
                    name: name, isFollowed: true, isEvaluated: true, isDifferentiated: true, limits: "folded: what follows from sizes alone"
                ))
        }
        return entries.sorted { $0.name < $1.name }
    }()

    /// The table as Markdown.
    public static var markdown: String {
        var lines = ["| operator | followed | evaluated | differentiated | limits |", "|---|:-:|:-:|:-:|---|"]
        for entry in table {
            func mark(_ flag: Bool) -> String { flag ? "yes" : "" }
            lines.append(
                "| \(entry.name) | \(mark(entry.isFollowed)) | \(mark(entry.isEvaluated)) | \(mark(entry.isDifferentiated)) | \(entry.limits) |"
            )
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
