/// The dictionary of tensors in what a training loop saved: `{"epoch": 3, "state_dict": {…}, "optimizer": {…}}`.
///
/// A checkpoint is read where it is clear which weights are meant: one key holds a dictionary of nothing but tensors, or one such key has a
/// usual name. Averages kept beside the weights (`ema`) are weights of their own: then the reader has to choose.
struct WrappedDictionary {
    /// The keys that lead to it, outermost first; none for a plain dictionary.
    private(set) var keys: [String] = []
    private(set) var tensors: [(name: String, tensor: PickledTensor)] = []

    /// Names that weights are saved under, beside whatever else is a dictionary of tensors (statistics of the data, say).
    private static let usualKeys: Set = [
        "state_dict", "model", "model_state_dict", "model_state", "net", "network", "module", "weights", "params", "ema", "model_ema",
        "ema_model", "ema_state_dict", "state_dict_ema", "model_ema_state_dict", "params_ema",
    ]
    /// Dictionaries inside of each other that are looked into; a pickle may nest without end.
    private static let mostKeys = 3

    /// - Parameter index: of the outermost dictionary.
    /// - Throws: `unsupported` naming the keys where none or several hold tensors.
    /// - Complexity: O(entries of all dictionaries), for every key that is followed.
    init(_ machine: PickleMachine, from index: Int) throws(TensorFileError) {
        var index = index
        while true {
            let entries = machine.dictionaries[index]
            var names: [String] = []
            for entry in entries {
                guard case .text(let name) = entry.key else { throw StateDictionary.refusal("a dictionary whose keys are no names") }
                names.append(name)
            }
            guard let odd = entries.firstIndex(where: { if case .tensor = $0.value { false } else { true } }) else {
                tensors = zip(names, entries).compactMap { name, entry in
                    if case .tensor(let tensor) = entry.value { (name, machine.tensors[tensor]) } else { nil }
                }
                return
            }
            var known: [Int: Bool] = [index: false]
            var inner = zip(names, entries).compactMap { name, entry -> (name: String, index: Int)? in
                guard case .dictionary(let index) = entry.value, Self.leadsToTensors(index, machine, depth: keys.count + 1, &known)
                else { return nil }
                return (name, index)
            }
            if inner.count > 1 {
                let usual = inner.filter { Self.usualKeys.contains($0.name) }
                if usual.count == 1 { inner = usual }
            }
            guard let only = inner.first else {
                let isUnknown = if case .other = entries[odd].value { true } else { false }
                let others = names.count > 1 ? " (keys: \(Self.list(names)))" : ""
                throw StateDictionary.refusal(
                    isUnknown ? machine.unknownName ?? "" : "\(quoted(names[odd])), which is no tensor\(others)")
            }
            guard inner.count == 1 else {
                throw StateDictionary.refusal(
                    "several: under the keys \(Self.list(inner.map(\.name))) (`state = state[\(quoted(only.name))]` takes one)")
            }
            keys.append(only.name)
            index = only.index
        }
    }

    /// Whether a dictionary holds tensors alone, or another dictionary that does.
    ///
    /// - Parameter known: of dictionaries that were asked already, so that each is read once, however often it is referred to.
    private static func leadsToTensors(_ index: Int, _ machine: PickleMachine, depth: Int, _ known: inout [Int: Bool]) -> Bool {
        if let answer = known[index] { return answer }
        known[index] = false
        let entries = machine.dictionaries[index]
        let areNamed = entries.allSatisfy { if case .text = $0.key { true } else { false } }
        guard depth <= mostKeys, !entries.isEmpty, areNamed else { return false }
        var answer = entries.allSatisfy { if case .tensor = $0.value { true } else { false } }
        for entry in entries where !answer {
            if case .dictionary(let inner) = entry.value { answer = leadsToTensors(inner, machine, depth: depth + 1, &known) }
        }
        known[index] = answer
        return answer
    }

    private static func list(_ names: [String]) -> String {
        names.prefix(8).map(quoted).joined(separator: ", ") + (names.count > 8 ? ", …" : "")
    }
}
