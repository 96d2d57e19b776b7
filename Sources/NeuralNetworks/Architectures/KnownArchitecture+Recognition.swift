// Which architecture a file of weights is of, judged by the names and shapes of its tensors.

import TensorFiles

extension KnownArchitecture {
    /// The name of the architecture whose network needs every tensor of the archive; nil when none does.
    ///
    /// A tensor that a topology has no use for speaks against it, as a missing one does: the depth of a residual network follows from
    /// which blocks there are. Counters of batch normalization (`num_batches_tracked`) are no weights. The first name of several wins,
    /// in the order of ``names``.
    /// - Complexity: a pass over the tensors for every architecture whose names they have.
    public static func recognized(in archive: TensorArchive) -> String? {
        let needed = Set(archive.names.filter { !$0.hasSuffix("num_batches_tracked") })
        guard !needed.isEmpty else { return nil }
        return names.first { name in
            guard let architecture = try? KnownArchitecture(named: name),
                let network = try? Network(archive: archive, architecture: architecture)
            else { return false }
            return needed.isSubset(of: network.parameters.keys)
        }
    }
}
