// A learning run between two steps as a file: tensors for the weights, text for the rest.

import NeuralNetworks
import TensorFiles

extension LearningState {
    private static let key = "loewner.learning"
    private static let version = "1"
    private static let tensors = ["values", "first", "second", "best"]

    /// Tensors and text metadata, for a safetensors file.
    ///
    /// - Parameter fingerprint: of the run: networks, inputs and settings.
    public func archive(fingerprint: String) throws(TensorFileError) -> TensorArchive {
        var archive = TensorArchive()
        for (name, array) in zip(LearningState.tensors, [values, first, second, best]) {
            archive[name] = try Tensor.float32(array, shape: [array.count])
        }
        // Numbers as text that reads back to the same bits.
        archive.metadata = [
            LearningState.key: LearningState.version, "fingerprint": fingerprint, "step": "\(step)", "momentSteps": "\(momentSteps)",
            "rate": "\(rate)", "bestError": "\(bestError.error)", "bestTieBreak": "\(bestError.tieBreak)",
            "startError": "\(startError.error)", "startTieBreak": "\(startError.tieBreak)",
        ]
        return archive
    }

    /// Whether an archive is a saved learning run, of whichever networks.
    public static func isSaved(in archive: TensorArchive) -> Bool { archive.metadata[key] != nil }

    /// The state in an archive; `nil` when it is that of another run, of another version, or damaged.
    public init?(_ archive: TensorArchive, fingerprint: String) {
        let text = archive.metadata
        func number(_ name: String) -> Double? { text[name].flatMap { Double($0) } }
        guard text[LearningState.key] == LearningState.version, text["fingerprint"] == fingerprint,
            let step = text["step"].flatMap({ Int($0) }), let momentSteps = text["momentSteps"].flatMap({ Int($0) }), step >= 0,
            momentSteps >= 0, momentSteps <= step, let rate = number("rate"), rate > 0, rate.isFinite,
            let bestError = number("bestError"), let bestTieBreak = number("bestTieBreak"), let startError = number("startError"),
            let startTieBreak = number("startTieBreak")
        else { return nil }
        let arrays = LearningState.tensors.compactMap { try? archive[$0]?.floats() }
        guard arrays.count == LearningState.tensors.count, arrays.allSatisfy({ $0.count == arrays[0].count && $0.allSatisfy(\.isFinite) })
        else { return nil }
        self.init(
            step: step, values: arrays[0], first: arrays[1], second: arrays[2], momentSteps: momentSteps, best: arrays[3],
            bestError: HeldOutError(error: bestError, tieBreak: bestTieBreak),
            startError: HeldOutError(error: startError, tieBreak: startTieBreak), rate: rate)
    }
}

extension Distillation {
    /// 16 hexadecimal digits that tell runs apart: networks, inputs, labels, settings and number of steps.
    public var fingerprint: String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        func mix(_ value: UInt64) {
            hash = (hash ^ value) &* 0x0000_0100_0000_01b3
            hash ^= hash >> 29
        }
        for text in [teacher.fingerprint, student.fingerprint, "\(settings)"] { for byte in text.utf8 { mix(UInt64(byte)) } }
        for tensor in inputs.tensors {
            for extent in tensor.shape { mix(UInt64(extent)) }
            for value in tensor.values { mix(UInt64(value.bitPattern)) }
        }
        for label in inputs.labels { mix(UInt64(label)) }
        mix(UInt64(steps))
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
