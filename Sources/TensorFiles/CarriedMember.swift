/// A member of a file that has no tensor here: text, pickled objects, complex numbers, types to come.
///
/// Nobody may have asked for it, so it does not keep the rest from being read. It is kept as it lies in the file and written back to
/// files of its own format; asking for it by name throws the reason.
struct CarriedMember: Sendable, Equatable {
    /// As `TensorArchive.tensor(named:)` would be asked for it.
    let name: String
    /// Why there is no tensor.
    let reason: TensorFileError
    let content: Content

    /// Whether a tensor of that name would have the same name in the file.
    func wouldCollide(with tensor: String) -> Bool {
        switch content {
        case .zip(let record, _): record.name.elementsEqual((tensor + ".npy").utf8)
        case .safetensors: name == tensor
        }
    }

    enum Content: Sendable, Equatable {
        /// A member of a zip archive, packed, under its full name.
        case zip(ZipRecord, packed: [UInt8])
        /// A tensor of a safetensors file.
        case safetensors(dtype: String, shape: [Int], bytes: [UInt8])
    }
}
