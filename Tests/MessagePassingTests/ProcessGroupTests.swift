import MessagePassing
import TestSupport
import Testing

@Suite struct ProcessGroupTests {
    static let counts = [1, 2, 3, 7, 16]

    @Test(arguments: counts)
    func allHearWhatTheFirstSays(_ count: Int) {
        let heard = ThreadRank.run(count) { $0.broadcast([UInt8($0.rank), 9]) }
        #expect(heard == Array(repeating: [0, 9], count: count))
    }

    @Test(arguments: counts)
    func whatRanksFindComesTogetherInTheirOrder(_ count: Int) {
        let results = ThreadRank.run(count) { member in
            // Lists of different lengths, an empty one among them.
            member.combine([UInt8](repeating: UInt8(member.rank), count: member.rank % 3), +)
        }
        #expect(results[0] == (0..<count).flatMap { [UInt8](repeating: UInt8($0), count: $0 % 3) })
        #expect(results.dropFirst().allSatisfy { $0 == nil })
    }

    @Test(arguments: counts)
    func listsAreGathered(_ count: Int) {
        let results = ThreadRank.run(count) { $0.gather(Array("rank \($0.rank)".utf8)) }
        #expect(results[0]?.map { String(decoding: $0, as: UTF8.self) } == (0..<count).map { "rank \($0)" })
    }

    @Test(arguments: counts)
    func ranksServeUntilTheyAreReleased(_ count: Int) {
        let sums = ThreadRank.run(count) { member -> [Int] in
            func sum(_ request: [UInt8]) -> Int? {
                let own = MessageBuffer([Int(request[0]) * (member.rank + 1)]).bytes
                let all = member.combine(own) { first, second in
                    var (first, second) = (MessageBuffer(first), MessageBuffer(second))
                    return MessageBuffer([first.readInts()[0] + second.readInts()[0]]).bytes
                }
                return all.map {
                    var message = MessageBuffer($0)
                    return message.readInts()[0]
                }
            }
            guard member.rank == 0 else {
                member.serve { _ = sum($0) }
                return []
            }
            defer { member.release() }
            return [3, 5].compactMap { sum(member.broadcast([$0])) }
        }
        let total = count * (count + 1) / 2
        #expect(sums[0] == [3 * total, 5 * total])
    }

    @Test func bytesOfAllRanksAreCounted() {
        // Five ranks send 10 bytes each but for the first; what 1 and 3 have sent goes on as one message of 10 with that of 0 and 2.
        let traffic = ThreadRank.run(5) { member -> MessageTraffic in
            _ = member.combine([UInt8](repeating: 0, count: 10)) { first, _ in first }
            _ = member.broadcast([1, 2, 3])
            return member.meter.traffic
        }
        #expect(traffic[0] == MessageTraffic(messages: 2, bytesSent: 4 * 10 + 4 * 3))
    }

    @Test(arguments: [0, 1, 5, 12, 1000])
    func sharesCoverEverythingOnce(_ total: Int) {
        for count in Self.counts {
            let member = ThreadRank.run(count) { $0 }[0]
            for length in [1, 4, 7] {
                let shares = (0..<count).map { member.share(of: total, inRunsOf: length, rank: $0) }
                #expect(shares.flatMap { Array($0) } == Array(0..<total))
                #expect(shares.allSatisfy { $0.lowerBound % length == 0 || $0.lowerBound == total })
                for index in 0..<total { #expect(shares[member.owner(of: index, in: total, inRunsOf: length)].contains(index)) }
            }
        }
    }

    @Test func numbersAreReadAsTheyWereWritten() {
        var message = MessageBuffer()
        message.write([1.5, -.infinity, 0x1p-1074])
        message.write([Int]())
        message.write([UInt8(7), 8, 9])
        message.write([Int.min, 3])
        var other = MessageBuffer(message.bytes)
        #expect(other.readDoubles() == [1.5, -.infinity, 0x1p-1074])
        #expect(other.readInts().isEmpty)
        #expect(other.readBytes() == [7, 8, 9])
        #expect(other.rest == MessageBuffer([Int.min, 3]).bytes)
        #expect(other.readInts() == [Int.min, 3])
    }
}
