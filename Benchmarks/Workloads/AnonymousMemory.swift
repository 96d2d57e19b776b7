import Foundation
import Synchronization

/// Memory of this process that no file stands behind: its peak since the value was made, looked at a hundred times a second.
final class AnonymousMemory: Sendable {
    private let before = AnonymousMemory.resident()
    private let peak = Mutex(0)
    private let isDone = Mutex(false)

    init() {
        Thread.detachNewThread { [weak self] in
            while let self, !self.isDone.withLock({ $0 }) {
                self.look()
                Thread.sleep(forTimeInterval: 0.01)
            }
        }
    }

    /// Bytes by which it has grown at most.
    func growth() -> Int {
        look()
        isDone.withLock { $0 = true }
        return max(0, peak.withLock { $0 } - before)
    }

    private func look() {
        let bytes = Self.resident()
        peak.withLock { $0 = max($0, bytes) }
    }

    /// Processes that another one has started; none where the system does not say.
    static func children(of process: Int32) -> [Int32] {
        let list = try? String(contentsOfFile: "/proc/\(process)/task/\(process)/children", encoding: .utf8)
        return (list ?? "").split(separator: " ").compactMap { Int32($0) }
    }

    /// `RssAnon` of proc_pid_status(5), of this process unless another is named; 0 where there is none.
    static func resident(_ process: String = "self") -> Int {
        guard let status = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("RssAnon:") }),
            let kilobytes = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap({ Int($0) })
        else { return 0 }
        return 1024 * kilobytes
    }
}
