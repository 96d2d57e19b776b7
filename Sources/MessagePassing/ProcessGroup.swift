// What an engine asks of the processes that share its reads.
//
// One of them, rank 0, runs the method; the others do what it asks for. So everything is decided once, and an answer cannot depend on
// who shares the work as long as what comes together does not. Two collectives suffice: all hear what rank 0 says, and what each of
// them found is taken together in a tree. Sums, maxima with their owner and lists are such takings together: what two ranks found
// becomes one message, lower ranks first, in ⌈log₂ p⌉ rounds.

/// Processes that work on one problem, each with a rank from 0.
///
/// Every member must call the same collectives in the same order.
public protocol ProcessGroup: Sendable {
    /// Which of them this is.
    var rank: Int { get }
    /// How many there are, at least 1.
    var count: Int { get }
    /// What rank 0 passes; what the others pass is ignored.
    func broadcast(_ bytes: [UInt8]) -> [UInt8]
    /// Hands a message to one other process, which must receive it.
    func send(_ bytes: [UInt8], to rank: Int)
    /// The next message of one other process.
    func receive(from rank: Int) -> [UInt8]
    /// What the collectives so far have cost; complete at rank 0 alone.
    var meter: MessageMeter { get }
}

extension ProcessGroup {
    /// What all ranks pass, two messages at a time becoming one: the first of them is from lower ranks. At rank 0; nil elsewhere.
    ///
    /// `merge` must be associative for the result not to depend on the number of ranks. ⌈log₂ count⌉ messages in a row.
    public func combine(_ bytes: [UInt8], _ merge: ([UInt8], [UInt8]) -> [UInt8]) -> [UInt8]? {
        var (own, sent) = (bytes, 0)
        var step = 1
        while step < count {
            guard rank % (2 * step) == 0 else {
                // Rank 0 learns what the others have sent from their messages.
                send(MessageBuffer([sent + own.count]).bytes + own, to: rank - step)
                return nil
            }
            if rank + step < count {
                var message = MessageBuffer(receive(from: rank + step))
                let bytes = message.readInts()[0]
                sent += bytes
                own = merge(own, message.rest)
            }
            step *= 2
        }
        if count > 1 { meter.add(MessageTraffic(messages: 1, bytesSent: sent)) }
        return own
    }

    /// What every rank passes, in the order of ranks, at rank 0; nil elsewhere. For small messages.
    public func gather(_ bytes: [UInt8]) -> [[UInt8]]? {
        var own = MessageBuffer()
        own.write(bytes)
        guard let all = combine(own.bytes, +) else { return nil }
        var message = MessageBuffer(all)
        return (0..<count).map { _ in message.readBytes() }
    }

    /// What the ranks other than 0 do: whatever rank 0 asks for by broadcasting a request, until it releases them.
    public func serve(_ answer: ([UInt8]) -> Void) {
        while true {
            let request = broadcast([])
            if request.isEmpty { return }
            answer(request)
        }
    }

    /// Ends what the other ranks do in `serve`; for rank 0.
    public func release() { if count > 1 { _ = broadcast([]) } }

    /// The part of 0..<total that is a rank's: runs of `length` are not cut, ranks ascend.
    public func share(of total: Int, inRunsOf length: Int, rank: Int) -> Range<Int> {
        let runs = (total + length - 1) / length
        func bound(_ rank: Int) -> Int { min(total, runs * rank / count * length) }
        return bound(rank)..<bound(rank + 1)
    }

    /// The rank whose share holds a number of 0..<total.
    public func owner(of index: Int, in total: Int, inRunsOf length: Int) -> Int {
        (0..<count).first { share(of: total, inRunsOf: length, rank: $0).contains(index) } ?? 0
    }
}
