// What passes over inputs were allowed to cost, and did.

import Dispatch

/// Multiply–adds of passes over inputs while a plan was made.
public struct WorkAccount: Sendable, Equatable, Codable {
    /// The effort asked for.
    public var effort: Effort
    /// What the effort allows (``Effort/work(multiplyAdds:)``).
    public var budget: Double
    /// What was spent on choosing, matching and judging inputs, and on the fit; learning behind it has a budget of its own.
    public var spent: Double

    /// One phrase.
    public var phrase: String {
        "\(Decimal.scientific(spent)) multiply–adds in passes over inputs, effort \(effort.rawValue) (\(Decimal.scientific(budget)))"
    }
}

/// Counts multiply–adds, from several threads.
final class WorkMeter: @unchecked Sendable {
    // Unchecked: the sum is guarded by the lock.
    private let lock = DispatchSemaphore(value: 1)
    private var sum: Double

    /// - Parameter start: what was spent before.
    init(from start: Double = 0) { sum = start }

    func add(_ multiplyAdds: Double) {
        lock.wait()
        sum += multiplyAdds
        lock.signal()
    }

    var total: Double {
        lock.wait()
        defer { lock.signal() }
        return sum
    }
}
