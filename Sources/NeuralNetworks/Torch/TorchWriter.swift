// The Python file of a network, line by line: what is made once, and what every call computes.

/// Collects the lines of `__init__` and `forward`.
struct TorchWriter {
    let network: Network
    let keepsNames: Bool
    let constants: Set<Network.ValueID>
    /// Inputs and outputs that come without a batch axis of their own.
    private let wholes: Set<Network.ValueID>
    private(set) var tensors: [TorchSource.Tensor] = []
    private var made: [String] = []
    private var computed: [String] = []
    private var variables: [Network.ValueID: String] = [:]
    /// Modules by path, with what makes them, and tensors by their names in the state dictionary, with their parameters.
    private var modules: [String: String] = [:]
    private var held: [String: String] = [:]
    private var helpers: Set<Helper> = []

    /// Functions that the file defines where it needs them.
    enum Helper: String, CaseIterable {
        case resample = """
            def resample(x, axis, positions, weights, taps):
                \"\"\"Every position along an axis as a weighted sum of `taps` positions of x.\"\"\"
                positions = torch.tensor(positions, device=x.device)
                weights = torch.tensor(weights, dtype=x.dtype, device=x.device)
                y = x.index_select(axis, positions).movedim(axis, -1) * weights
                return y.unflatten(-1, (-1, taps)).sum(-1).movedim(-1, axis)
            """
    }

    init(_ network: Network, keepsNames: Bool, wholes: Set<Network.ValueID>) {
        self.wholes = wholes
        self.network = network
        self.keepsNames = keepsNames
        constants = network.constantValues
        for (place, value) in network.inputs.enumerated() {
            let name = network.inputs.count == 1 ? "x" : PythonText.identifier(network.values[value].name)
            variables[value] = variables.values.contains(name) || Self.isNumbered(name) ? "argument_\(place)" : name
        }
    }

    /// Whether a name could be one of ours for intermediate values.
    private static func isNumbered(_ name: String) -> Bool { name.hasPrefix("v") && name.dropFirst().allSatisfy(\.isNumber) }

    // MARK: For layers

    /// The variable that holds a value.
    func variable(_ value: Network.ValueID) -> String { variables[value] ?? "None" }

    /// A value's shape without the batch axis.
    func shape(_ value: Network.ValueID, _ node: Network.Node) throws(NetworkError) -> [Int] {
        guard let shape = network.values[value].shape else { throw .unsupported(node: node.name, operation: node.layer.operationName) }
        return shape
    }

    /// An operand of a node whose output has `rank` axes without the batch, with axes of size 1 put behind its batch axis.
    func operand(_ value: Network.ValueID, rank: Int, _ node: Network.Node) throws(NetworkError) -> String {
        let name = variable(value)
        // Without a batch axis missing axes are in front, as broadcasting wants it.
        if constants.contains(value) { return name }
        let own = try shape(value, node)
        guard own.count < rank else { return name }
        let extents = [Int](repeating: 1, count: rank - own.count) + own
        return "\(name).reshape(\(name).shape[0], \(extents.map(String.init).joined(separator: ", ")))"
    }

    mutating func assign(_ node: Network.Node, _ expression: String) {
        for output in node.outputs { variables[output] = "v\(output)" }
        computed.append("\(node.outputs.map(variable).joined(separator: ", ")) = \(expression)")
    }

    /// The same value under another name.
    mutating func pass(_ node: Network.Node) { for output in node.outputs { variables[output] = variable(node.inputs[0]) } }

    mutating func need(_ helper: Helper) { helpers.insert(helper) }

    // MARK: Tensors

    /// Makes a module under `path`, whose tensors are called as `leaves` says; nil where something else is there already.
    mutating func module(
        _ path: String, _ constructor: String, leaves: [(leaf: String, parameter: String, isTransposed: Bool)]
    ) -> String? {
        let read = "self.get_submodule(\(PythonText.string(path)))"
        // Layers may share a module, when they share all of it.
        if modules[path] == constructor, leaves.allSatisfy({ held[path + "." + $0.leaf] == $0.parameter }) { return read }
        guard Self.isFree(path), modules[path] == nil, held[path] == nil, !holds(path) else { return nil }
        modules[path] = constructor
        for leaf in leaves {
            held[path + "." + leaf.leaf] = leaf.parameter
            tensors.append(
                TorchSource.Tensor(name: path + "." + leaf.leaf, parameter: leaf.parameter, isTransposed: leaf.isTransposed))
        }
        made.append("put(self, \(PythonText.string(path)), \(constructor))")
        return read
    }

    /// A tensor under its own name, or under one made of it.
    /// - Throws: `unsupported` for a name that no tensor of a module can have.
    mutating func tensor(_ parameter: String, _ node: Network.Node, isBuffer: Bool = false) throws(NetworkError) -> String {
        var name = keepsNames ? parameter : PythonText.identifier(parameter)
        func isTaken(_ name: String) -> Bool { !Self.isFree(name) || modules[name] != nil || holds(name) }
        if !keepsNames { while isTaken(name) || held[name] != nil && held[name] != parameter { name += "_" } }
        guard !isTaken(name) else { throw .unsupported(node: node.name, operation: "a tensor named \(name)") }
        let read = "self.get_\(isBuffer ? "buffer" : "parameter")(\(PythonText.string(name)))"
        guard held[name] == nil else { return read }
        held[name] = parameter
        tensors.append(TorchSource.Tensor(name: name, parameter: parameter, isTransposed: false))
        let shape = PythonText.tuple(network.parameters[parameter]?.shape ?? [])
        made.append("put_\(isBuffer ? "buffer" : "parameter")(self, \(PythonText.string(name)), torch.zeros(\(shape)))")
        return read
    }

    /// Whether something lies below a path.
    private func holds(_ path: String) -> Bool {
        modules.keys.contains { $0.hasPrefix(path + ".") } || held.keys.contains { $0.hasPrefix(path + ".") }
    }

    /// Whether modules and tensors may have a name.
    private static func isFree(_ path: String) -> Bool {
        path.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { !$0.isEmpty && !members.contains(String($0)) }
    }

    /// Attributes of `torch.nn.Module` that a child of that name would hide or be refused for.
    private static let members: Set<String> = [
        "training", "forward", "add_module", "apply", "bfloat16", "buffers", "call_super_init", "children", "compile", "cpu", "cuda",
        "double",
        "dump_patches", "eval", "extra_repr", "float", "get_buffer", "get_extra_state", "get_parameter", "get_submodule", "half", "ipu",
        "load_state_dict", "modules", "mtia", "named_buffers", "named_children", "named_modules", "named_parameters", "parameters",
        "register_buffer", "register_module", "register_parameter", "requires_grad_", "set_extra_state", "set_submodule", "share_memory",
        "state_dict", "to", "to_empty", "train", "type", "xpu", "zero_grad",
    ]

    /// What `forward` returns for an output: constants have no batch axis yet, and those of one sample are repeated for every one.
    private func output(_ value: Network.ValueID) -> String {
        let (name, isWhole) = (variable(value), wholes.contains(value))
        guard constants.contains(value) else { return isWhole ? name + ".squeeze(0)" : name }
        guard !isWhole, let input = network.inputs.first else { return name }
        return "\(name).expand(\(variable(input)).shape[0], *\(name).shape)"
    }

    // MARK: The file

    func text(weights: String) -> String {
        let inputs = network.inputs.map(variable)
        let outputs = network.outputs.map(output).joined(separator: ", ")
        let unwrapped = network.inputs.filter(wholes.contains).map { "\(variable($0)) = \(variable($0)).unsqueeze(0)" }
        let shapes = zip(inputs, network.inputs).map { name, value in
            let own = network.values[value].shape.map { $0.map(String.init) } ?? ["…"]
            return "\(name) (\(((wholes.contains(value) ? [] : ["N"]) + own).joined(separator: ", ")))"
        }.joined(separator: ", ")
        let used = { (function: String) in made.contains { $0.hasPrefix(function + "(") } }
        var lines = [
            "# A PyTorch module written by loewner. `load()` gives it with its weights, ready for inference;",
            "# train() and an optimizer fine-tune it.",
            "import os", "", "import torch", "import torch.nn.functional as F", "from torch import nn", "",
            "WEIGHTS = \(PythonText.path(weights))", "", "",
        ]
        lines += Self.placing
        if used("put_parameter") { lines += Self.placingParameters }
        if used("put_buffer") { lines += Self.placingBuffers }
        for helper in Helper.allCases where helpers.contains(helper) { lines += [helper.rawValue, "", ""] }
        lines += [
            "class Network(nn.Module):",
            "    \"\"\"\(shapes) → \(network.outputs.count) output\(network.outputs.count == 1 ? "" : "s").\"\"\"", "",
        ]
        lines += ["    def __init__(self):", "        super().__init__()"] + made.map { "        " + $0 }
        lines += ["", "    def forward(self, \(inputs.joined(separator: ", "))):"] + (unwrapped + computed).map { "        " + $0 }
        lines += ["        return \(outputs)", "", ""] + Self.loading
        return lines.joined(separator: "\n") + "\n"
    }

    private static let placing = [
        "def parent(root, path):", "    \"\"\"The module that holds `path`, made where it is missing, and the last word of the path.\"\"\"",
        "    *names, last = path.split(\".\")", "    for name in names:", "        if name not in root._modules:",
        "            root.add_module(name, nn.Module())", "        root = root._modules[name]", "    return root, last", "", "",
        "def put(root, path, module):", "    root, name = parent(root, path)", "    root.add_module(name, module)", "", "",
    ]

    private static let placingParameters = [
        "def put_parameter(root, path, tensor):", "    root, name = parent(root, path)",
        "    root.register_parameter(name, nn.Parameter(tensor))", "", "",
    ]

    private static let placingBuffers = [
        "def put_buffer(root, path, tensor):", "    root, name = parent(root, path)", "    root.register_buffer(name, tensor)", "", "",
    ]

    private static let loading = [
        "def load(path=None):", "    \"\"\"The network with the weights of a .safetensors or .npz file, in eval mode.\"\"\"",
        "    if path is None:", "        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), WEIGHTS)",
        "    if path.endswith(\".npz\"):", "        import numpy", "        with numpy.load(path) as file:",
        "            tensors = {name: torch.from_numpy(file[name]) for name in file.files}", "    else:",
        "        from safetensors.torch import load_file", "        tensors = load_file(path)", "    network = Network()",
        "    # Tensors that the network does not read (counters, heads of training) stay in the file.",
        "    known = network.state_dict()", "    network.load_state_dict({name: tensors[name] for name in tensors if name in known})",
        "    return network.eval()",
    ]
}
