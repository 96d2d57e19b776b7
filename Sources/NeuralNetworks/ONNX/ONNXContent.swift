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
