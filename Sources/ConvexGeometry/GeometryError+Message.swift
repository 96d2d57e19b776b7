// Errors as messages between processes.

import MessagePassing

extension GeometryError {
    /// As a message.
    var bytes: [UInt8] {
        var message = MessageBuffer()
        switch self {
        case .nonFinite(let point, let coordinate, let value):
            message.write([0, point, coordinate])
            message.write([value])
        case .invalidWeight(let index, let value):
            message.write([1, index])
            message.write([value])
        case .notRepresentable(let reason):
            message.write([2])
            message.write(Array(reason.utf8))
        case .breakdown(let reason):
            message.write([3])
            message.write(Array(reason.utf8))
        default:
            // Of what a share of the work may come to, these are bugs or numbers beyond all bounds; the reader is told in words.
            message.write([3])
            message.write(Array("of several processes one \(self)".utf8))
        }
        return message.bytes
    }

    init(bytes: [UInt8]) {
        var message = MessageBuffer(bytes)
        let numbers = message.readInts()
        switch numbers[0] {
        case 0: self = .nonFinite(point: numbers[1], coordinate: numbers[2], value: message.readDoubles()[0])
        case 1: self = .invalidWeight(index: numbers[1], value: message.readDoubles()[0])
        case 2: self = .notRepresentable(reason: String(decoding: message.readBytes(), as: UTF8.self))
        default: self = .breakdown(String(decoding: message.readBytes(), as: UTF8.self))
        }
    }

    /// The same by the rank that has read the point or weight that it is about, where several share the work.
    func byRank(of processes: any ProcessGroup, pointCount: Int, inRunsOf length: Int) -> GeometryError {
        let place: Int
        switch self {
        case .nonFinite(let point, _, _): place = point
        case .invalidWeight(let index, _): place = index
        default: return self
        }
        guard processes.count > 1 else { return self }
        return .onRank(processes.owner(of: place, in: pointCount, inRunsOf: length), of: processes.count, self)
    }
}
