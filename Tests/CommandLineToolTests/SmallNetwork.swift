// A network small enough to be written by hand: 2 inputs, 3 hidden units, 2 classes.

import TensorFiles

enum SmallNetwork {
    /// Class 0 where x₀ > x₁, class 1 where x₁ > x₀.
    static func archive(poison: Float = 0) throws -> TensorArchive {
        [
            "fc1.weight": try .float32([1, -1, -1, 1, poison, 0], shape: [3, 2]),
            "fc1.bias": .float32([0, 0, 0]),
            "fc2.weight": try .float32([1, 0, 0, 0, 1, 0], shape: [2, 3]),
            "fc2.bias": .float32([0, 0]),
        ]
    }

    /// Four points, labelled correctly but for the last.
    static func data() throws -> TensorArchive {
        ["images": try .float32([2, 1, 0, 1, 5, -1, 1, 3], shape: [4, 2]), "labels": .uint8([0, 1, 0, 0])]
    }

    static func write(to folder: ScratchFolder) throws {
        try archive().write(to: folder.path("net.safetensors"), force: false)
        try data().write(to: folder.path("data.npz"), force: false)
    }
}
