// What layers are called.

import TensorFiles

/// Names of layers as people know them from the program that made the model.
enum ONNXNames {
    /// `fc1.weight` gives `fc1`; else the module path that PyTorch hides in `/layer1/layer1.0/conv1/Conv`; else the node's own name.
    static func layer(node: ONNXWireNode, weight: String?, fallback: String) -> String {
        guard let weight else { return fallback }
        for suffix in [".weight", ".running_mean"] where weight.hasSuffix(suffix) && weight.count > suffix.count {
            return String(weight.dropLast(suffix.count))
        }
        let parts = node.name.split(separator: "/")
        guard node.name.hasPrefix("/"), parts.count > 1, parts.last.map({ $0 == node.opType || $0.hasPrefix(node.opType + "_") }) == true
        else {
            return fallback
        }
        // A child of a Sequential repeats its parent: /layer1/layer1.0 is the module layer1.0.
        var path: [Substring] = []
        for part in parts.dropLast() {
            if let last = path.last, part.hasPrefix(last + ".") { path.removeLast() }
            path.append(part)
        }
        return path.joined(separator: ".")
    }
}
