// A plan is a file: somebody may have damaged or written it. What it says is checked before a number of it is used.

import NeuralNetworks
import TensorFiles

extension PruningPlan {
    /// Checks the groups and replacements of a plan against the network that its fingerprint names.
    ///
    /// - Throws: `planMismatch` for a group that is unknown, named twice, or of another size than in the network; for kept channels that
    ///   are not ascending channels of their group; for a replacement that is named twice, larger than the plan, or not finite.
    /// - Complexity: O(channels + values) beside finding the channel groups.
    func validate(for network: Network) throws(PruningError) {
        let known: [ChannelGroup]
        do throws(NetworkError) { known = try network.channelGroups() } catch { throw .network(error) }
        let counts = Dictionary(known.map { ($0.id, $0.count) }, uniquingKeysWith: { first, _ in first })
        var seen: Set<String> = []
        for group in groups {
            guard seen.insert(group.name).inserted else {
                throw .planMismatch(expected: "every group once", found: "\(shown(group.name)) twice")
            }
            guard let count = counts[group.name] else {
                throw .planMismatch(expected: "groups of this network", found: "\(shown(group.name))")
            }
            guard group.channels == count else {
                throw .planMismatch(expected: "\(count) channels of \(shown(group.name))", found: "\(group.channels)")
            }
            let isAscending = zip(group.kept, group.kept.dropFirst()).allSatisfy { $0 < $1 }
            guard let first = group.kept.first, let last = group.kept.last, isAscending, first >= 0, last < count else {
                throw .planMismatch(
                    expected: "ascending channels of \(shown(group.name)) from 0 to \(count - 1), at least one",
                    found: "\(group.kept.prefix(8))\(group.kept.count > 8 ? " …" : "")")
            }
        }
        seen = []
        for replacement in replacements {
            let name = shown(replacement.parameter)
            guard seen.insert(replacement.parameter).inserted else {
                throw .planMismatch(expected: "every replacement once", found: "\(name) twice")
            }
            guard CheckedSize.product(replacement.shape).value != nil else {
                throw .planMismatch(expected: "a shape that fits \(name)", found: "\(replacement.shape.prefix(8))")
            }
            guard let tensor = replacement.tensor() else {
                throw .planMismatch(expected: "\(replacement.shape) values of \(name)", found: "damaged text")
            }
            if let index = tensor.values.firstIndex(where: { !$0.isFinite }) {
                throw .planMismatch(expected: "finite values of \(name)", found: "\(tensor.values[index]) at position \(index)")
            }
        }
    }

    /// A name from the file, no longer than a line has room for.
    private func shown(_ name: String) -> String { name.count > 80 ? name.prefix(80) + "…" : name }
}
