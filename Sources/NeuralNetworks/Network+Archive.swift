// Back to a file of tensors: same names, same order, same element types.

import TensorFiles

extension Network {
    /// The archive with this network's parameters in the place of the original's.
    ///
    /// Names, order, element types and metadata are the original's; tensors that the network does not use, or that did not
    /// change, are passed through byte by byte. Values beyond what an element type can hold are moved to neighboring layers where
    /// the network allows it.
    /// - Throws: `missingTensor` when the original lacks one of the network's parameters, `tensor` when a value
    ///   cannot be stored in the original's element type, `nonFiniteTensor` for a NaN or an infinity.
    /// - Complexity: O(parameters).
    public func archive(replacing original: TensorArchive) throws(NetworkError) -> TensorArchive {
        var result = original
        let fitting = try rescaled { original[$0]?.dtype.largestRoundable }
        for node in fitting.nodes {
            for name in node.layer.parameterNames {
                guard let old = original[name] else { throw .missingTensor(name: name, node: node.name) }
                let parameter = try fitting.parameter(name, of: node)
                if old.shape == parameter.shape, (try? old.floats()) == parameter.values { continue }
                do throws(TensorFileError) {
                    result[name] = try Tensor.float32(parameter.values, shape: parameter.shape).converted(to: old.dtype)
                } catch {
                    throw .tensor(name: name, cause: error)
                }
            }
        }
        return result
    }
}
