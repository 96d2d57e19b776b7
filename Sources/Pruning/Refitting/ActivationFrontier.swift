// The activations of inputs at a cut through the network, moved forward layer by layer, of as many inputs as are asked for.
//
// A cut at node p lies between the nodes before p and the rest; what crosses it are the values that earlier nodes make and
// later ones read. Refitting goes in node order, so everything before the cut is final: inputs that wait at an earlier cut, or have
// not been asked for yet, pass the same layers later as those that went ahead.
// Early cuts are wide and their layers rich in places, so few inputs are asked for there; what crosses late cuts is small. Inputs
// move in small segments. Where memory does not hold the crossing values of all of them, these are kept in half of it (HeldActivations);
// segments that do not fit even so stay at the cut that they have reached, and are evaluated from there until they do.
// Memory: the crossing values that are held, and those of one segment twice while it moves; batches bound everything else.

import NeuralNetworks

/// Values that cross a cut of a network.
struct ActivationFrontier: Sendable {
    /// Inputs in a row that are held at the same cut.
    private struct Segment: Sendable {
        var inputs: Range<Int>
        /// Nodes before this one have been evaluated.
        var position = 0
        /// What crosses; nothing while the inputs are read where they lie.
        var tensors: [Network.ValueID: HeldActivations] = [:]

        var bytes: Int { tensors.values.reduce(0) { $0 + $1.bytes } }
    }

    /// A segment takes at most this part of the memory that is allowed: so little is held twice while it moves, so little stays behind
    /// where most of its neighbours fit.
    private static let segmentShare = 8
    /// Inputs of a segment, at least: enough for two threads to share.
    private static let leastSegment = 4

    private let source: ActivationTensor
    private let first: Int
    private let entry: Network.ValueID
    /// Bytes for the values that cross.
    private var allowance: Int
    private let meter: WorkMeter
    /// Inputs of a segment, at most.
    private let segmentSize: Int
    private var segments: [Segment] = []

    /// Inputs that there are.
    let batchCount: Int
    /// Inputs that have been asked for.
    private(set) var reached = 0

    /// The cut before the first node.
    ///
    /// - Parameters:
    ///   - range: which of the inputs; all by default.
    ///   - bytes: memory for the values that cross.
    init(_ inputs: ActivationTensor, _ range: Range<Int>? = nil, in run: PruningRun, bytes: Int) throws(PruningError) {
        guard run.network.inputs.count == 1, let input = run.network.inputs.first else {
            throw .unsupported(.reweighting, value: Reweighting.sequential.rawValue, needs: .singleInput)
        }
        (source, entry, meter) = (inputs, input, run.meter)
        first = range?.lowerBound ?? 0
        batchCount = range?.count ?? inputs.batchCount
        allowance = bytes
        // What crosses is a value and, with a branch, another one.
        let widest = 2 * run.network.values.reduce(1) { Swift.max($0, $1.shape?.reduce(1, *) ?? 0) }
        segmentSize = Swift.max(
            ActivationFrontier.leastSegment, allowance / MemoryLayout<Float>.size / ActivationFrontier.segmentShare / widest)
    }

    /// Sets the memory for values that cross the cuts that follow.
    mutating func allow(bytes: Int) { allowance = bytes }

    /// Whether memory holds so many inputs behind a node as well as before it.
    func holds(_ count: Int, behind node: Int, in masked: MaskedNetwork) -> Bool {
        func fits(_ values: Int, isCompact: Bool) -> Bool { HeldActivations.bytes(ofValues: values, isCompact: isCompact) <= allowance }
        func crossing(_ node: Int) -> Int { count * masked.network.sampleSize(of: masked.network.values(crossing: node)) }
        let behind = crossing(node + 1)
        if fits(behind, isCompact: false) { return true }
        return fits(behind, isCompact: true) && !fits(crossing(node), isCompact: false)
    }

    /// Asks for at least so many inputs and moves the cut to just before `node`.
    mutating func advance(to node: Int, in masked: MaskedNetwork, inputs wanted: Int = .max) throws(PruningError) {
        let count = Swift.min(wanted, batchCount)
        if count > reached {
            segments += stride(from: reached, to: count, by: segmentSize).map {
                Segment(inputs: $0..<Swift.min($0 + segmentSize, count))
            }
            reached = count
        }
        guard segments.contains(where: { $0.position < node }) else { return }
        let crossing = masked.network.values(crossing: node)
        let size = masked.network.sampleSize(of: crossing)
        let isCompact = HeldActivations.bytes(ofValues: reached * size, isCompact: false) > allowance
        var held = segments.reduce(0) { $0 + $1.bytes }
        var evaluations: [Int: Evaluation] = [:]
        for (index, segment) in segments.enumerated() where segment.position < node {
            let own = segment.bytes
            let moved = HeldActivations.bytes(ofValues: size * segment.inputs.count, isCompact: isCompact)
            guard held - own + moved <= Swift.max(allowance, held) else { continue }
            segments[index] = try self.moved(segment, to: node, crossing, isCompact: isCompact, in: masked, &evaluations)
            held += segments[index].bytes - own
        }
    }

    private func moved(
        _ segment: Segment, to node: Int, _ crossing: [Network.ValueID], isCompact: Bool, in masked: MaskedNetwork,
        _ evaluations: inout [Int: Evaluation]
    ) throws(PruningError) -> Segment {
        var result = Segment(inputs: segment.inputs, position: node, tensors: segment.tensors.filter { crossing.contains($0.key) })
        let made = crossing.filter { result.tensors[$0] == nil }
        if !made.isEmpty {
            if evaluations[segment.position] == nil {
                evaluations[segment.position] = try Evaluation(self, segment, masked, observing: made)
            }
            let seen = try evaluations[segment.position]?(self, segment, segment.inputs)
            for (value, tensor) in seen?.tensors ?? [:] { result.tensors[value] = HeldActivations(tensor) }
        }
        if isCompact { for value in result.tensors.keys { result.tensors[value]?.compact() } }
        return result
    }

    /// Inputs in batches of at most `size`, in order, each held at one cut.
    func batches(of inputs: Range<Int>, size: Int) -> [Range<Int>] {
        segments.flatMap { segment in
            let range = segment.inputs.clamped(to: inputs)
            return stride(from: range.lowerBound, to: range.upperBound, by: size).map { $0..<Swift.min($0 + size, range.upperBound) }
        }
    }

    /// Evaluates from the cut on, batch by batch; `body` gets the number of the first input of each batch and the observed values.
    ///
    /// - Parameter inputs: which of those that have been asked for; all by default.
    func forEachBatch(
        of inputs: Range<Int>? = nil, in masked: MaskedNetwork, observing taps: [Network.ValueID], _ body: (Int, Activations) -> Void
    ) throws(PruningError) {
        var reader = Reader(self, masked, observing: taps)
        for batch in batches(of: inputs ?? 0..<reached, size: Reader.batchSize(masked.network, taps)) {
            body(batch.lowerBound, try reader(batch))
        }
    }

    /// What a network makes of batches; it is prepared once for every cut that inputs wait at.
    struct Reader {
        private let frontier: ActivationFrontier
        private let masked: MaskedNetwork
        private let taps: [Network.ValueID]
        private var evaluations: [Int: Evaluation] = [:]

        init(_ frontier: ActivationFrontier, _ masked: MaskedNetwork, observing taps: [Network.ValueID]) {
            (self.frontier, self.masked, self.taps) = (frontier, masked, taps)
        }

        /// Memory of this size is handed out again without a visit to the system.
        static func batchSize(_ network: Network, _ taps: [Network.ValueID]) -> Int {
            network.batchSize(observing: taps, megabytes: 32)
        }

        /// - Parameter batch: one of `batches`, or a part of it.
        mutating func callAsFunction(_ batch: Range<Int>) throws(PruningError) -> Activations {
            guard let segment = frontier.segments.first(where: { $0.inputs.contains(batch.lowerBound) }) else {
                preconditionFailure("inputs must have been asked for")
            }
            if let known = evaluations[segment.position] { return try known(frontier, segment, batch) }
            let evaluation = try Evaluation(frontier, segment, masked, observing: taps)
            evaluations[segment.position] = evaluation
            return try evaluation(frontier, segment, batch)
        }
    }

    /// A network prepared to go on from the cut that a segment of inputs has reached.
    private struct Evaluation {
        private let evaluator: Evaluator
        private let sources: [Network.ValueID]
        private let multiplyAdds: Double

        init(
            _ frontier: ActivationFrontier, _ segment: Segment, _ masked: MaskedNetwork, observing taps: [Network.ValueID]
        ) throws(PruningError) {
            sources = segment.tensors.isEmpty ? [frontier.entry] : segment.tensors.keys.sorted()
            multiplyAdds = masked.network.multiplyAdds(from: sources, to: taps)
            do {
                evaluator = try Evaluator(masked.network, from: sources, observing: taps)
            } catch {
                throw .evaluation(error)
            }
        }

        /// - Parameter inputs: among those of the segment.
        func callAsFunction(_ frontier: ActivationFrontier, _ segment: Segment, _ inputs: Range<Int>) throws(PruningError) -> Activations {
            frontier.meter.add(multiplyAdds * Double(inputs.count))
            do {
                guard !segment.tensors.isEmpty else {
                    let first = frontier.first + inputs.lowerBound
                    return try evaluator.forward([frontier.source], samples: first..<first + inputs.count)
                }
                let first = inputs.lowerBound - segment.inputs.lowerBound
                let samples = first..<first + inputs.count
                let held = sources.compactMap { segment.tensors[$0] }
                let whole = held.compactMap(\.whole)
                if whole.count == held.count { return try evaluator.forward(whole, samples: samples) }
                return try evaluator.forward(held.map { $0.samples(samples) }, samples: 0..<inputs.count)
            } catch {
                throw .evaluation(error)
            }
        }
    }
}
