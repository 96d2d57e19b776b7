import TensorFiles

/// What a tensor of a model will hold.
enum ONNXContent {
    case values(Tensor)
    /// What a cut leaves of a tensor that stays in its file, under the extents of the model.
    case stored(StoredTensor, shape: [Int])

    var shape: [Int] {
        switch self {
        case .values(let tensor): tensor.shape
        case .stored(_, let shape): shape
        }
    }

    /// The numbers in another element type; those in a file stay as they are.
    /// - Throws: as ``Tensor/converted(to:)``.
    func converted(to dtype: DType) throws(TensorFileError) -> ONNXContent {
        guard case .values(let tensor) = self, tensor.dtype != dtype else { return self }
        return .values(try tensor.converted(to: dtype))
    }

    /// The same numbers under other extents.
    /// - Throws: `invalidTensor` for extents of another number.
    func reshaped(to shape: [Int]) throws(TensorFileError) -> ONNXContent {
        switch self {
        case .values(let tensor): .values(try Tensor(dtype: tensor.dtype, shape: shape, bytes: tensor.bytes))
        case .stored(let tensor, _): .stored(tensor, shape: shape)
        }
    }
}

extension ONNXModel {
    /// Replaces the values of a tensor of this model.
    mutating func set(_ content: ONNXContent, of tensor: inout ONNXWireTensor) throws(TensorFileError) {
        switch content {
        case .values(let values): try setValues(values, of: &tensor)
        case .stored(let stored, let shape): try setValues(stored, shape: shape, of: &tensor)
        }
    }
}
