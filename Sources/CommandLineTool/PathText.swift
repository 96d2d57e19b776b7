// Paths as pages show and suggest them.

import Foundation

enum PathText {
    /// The last component.
    static func name(_ path: String) -> String { URL(fileURLWithPath: path).lastPathComponent }

    /// small.onnx as small-tuned.onnx.
    static func renamed(_ path: String, suffix: String) -> String {
        let name = URL(fileURLWithPath: path)
        let ending = name.pathExtension
        guard !ending.isEmpty, path.hasSuffix("." + ending) else { return path + suffix }
        return path.dropLast(ending.count + 1) + suffix + "." + ending
    }
}
