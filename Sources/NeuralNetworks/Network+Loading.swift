// Networks whose values stay in their files until they are computed with.

import TensorFiles

extension Network {
    /// Whether every parameter has its values in memory.
    public var isLoaded: Bool { parameters.values.allSatisfy { $0.stored == nil } }

    /// The network with all values in memory.
    /// - Throws: `tensor` where a file cannot be read.
    /// - Complexity: one read of what is not in memory yet.
    public func loaded() throws(NetworkError) -> Network {
        guard !isLoaded else { return self }
        var result = self
        for (name, parameter) in parameters where parameter.stored != nil {
            do throws(TensorFileError) { result.parameters[name] = try parameter.loaded() } catch {
                throw .tensor(name: name, cause: error)
            }
        }
        return result
    }
}
