// Paths as pages show and suggest them.

import TensorFiles

enum PathText {
    /// The last component, as people read it.
    static func name(_ path: String) -> String { SystemPath.shown(SystemPath.lastComponent(of: path)) }

    /// small.onnx as small-tuned.onnx.
    static func renamed(_ path: String, suffix: String) -> String {
        let ending = SystemPath.ending(of: path)
        guard !ending.isEmpty else { return path + suffix }
        let end = path.utf8.index(path.endIndex, offsetBy: -(ending.utf8.count + 1))
        return path[..<end] + suffix + path[end...]
    }
}
