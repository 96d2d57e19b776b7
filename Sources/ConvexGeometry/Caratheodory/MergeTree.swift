// The tree in which blocks are merged, whoever has them.

import MessagePassing

/// Accumulators of consecutive runs of blocks, merged in pairs like the digits of a binary counter: two neighbors of 2ʰ blocks become
/// one where the first begins at a multiple of 2ʰ⁺¹. So it is the same tree for a process that begins in the middle.
struct MergeTree {
    private var nodes: [(first: Int, height: Int, accumulator: CaratheodoryAccumulator)] = []

    init() {}

    /// Takes in the accumulator of the next block.
    mutating func append(_ leaf: CaratheodoryAccumulator, block: Int) throws(GeometryError) {
        nodes.append((block, 0, leaf))
        try carry()
    }

    /// Takes in the blocks of another tree, which follow.
    mutating func append(_ other: MergeTree) throws(GeometryError) {
        for node in other.nodes {
            nodes.append(node)
            try carry()
        }
    }

    /// All of them together; nil when there were none.
    mutating func finish() throws(GeometryError) -> CaratheodoryAccumulator? {
        while nodes.count > 1 { try mergeLast() }
        return nodes.first?.accumulator
    }

    private mutating func carry() throws(GeometryError) {
        while nodes.count > 1 {
            let (left, right) = (nodes[nodes.count - 2], nodes[nodes.count - 1])
            guard left.height == right.height, left.first % (2 << left.height) == 0 else { return }
            try mergeLast()
            nodes[nodes.count - 1].height += 1
        }
    }

    private mutating func mergeLast() throws(GeometryError) {
        let right = nodes.removeLast()
        try nodes[nodes.count - 1].accumulator.merge(right.accumulator)
    }
}

extension MergeTree {
    /// A tree, or why there is none, as a message.
    static func message(_ tree: Result<MergeTree, GeometryError>) -> [UInt8] {
        var message = MessageBuffer()
        switch tree {
        case .success(let tree):
            message.write([tree.nodes.count])
            for node in tree.nodes {
                message.write([node.first, node.height])
                node.accumulator.write(to: &message)
            }
        case .failure(let error):
            message.write([-1])
            message.write(error.bytes)
        }
        return message.bytes
    }

    init(message bytes: [UInt8]) throws(GeometryError) {
        var message = MessageBuffer(bytes)
        let count = message.readInts()[0]
        guard count >= 0 else { throw GeometryError(bytes: message.readBytes()) }
        for _ in 0..<count {
            let place = message.readInts()
            nodes.append((place[0], place[1], CaratheodoryAccumulator(message: &message)))
        }
    }
}
