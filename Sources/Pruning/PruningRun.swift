// What every phase of a run may ask: the network, what may be cut, what was decided, and the clock and the observer.

import LinearAlgebra
import NeuralNetworks
import TensorFiles

/// One run: what is pruned, how, and who is told.
///
/// The only value with a clock and an observer. Phases take it and what earlier phases returned, and return one value.
struct PruningRun: Sendable {
    /// The network that channels are chosen and weights are fitted in, shapes inferred: the original, or what computes the same with
    /// fewer channels read.
    var network: Network { merges.network }
    /// The network as it was given.
    let original: Network
    /// What can be cut without loss.
    let merges: ExactMerges
    /// The groups that may be cut, in topological order.
    let groups: [ChannelGroup]
    let settings: PruningSettings
    /// What of the network can be computed.
    let evaluability: Evaluability
    /// What passes over inputs have cost so far.
    let meter: WorkMeter
    /// Whether inputs were given: then none are drawn.
    let isGivenInputs: Bool
    /// Whether the input was (height, width, channels) and is taken the other way round.
    let isTurned: Bool
    private let observer: PruningObserver?
    private let clock = ContinuousClock()
    private let began: ContinuousClock.Instant

    init(
        _ original: Network, merges: ExactMerges, groups: [ChannelGroup], settings: PruningSettings, isGivenInputs: Bool,
        observer: PruningObserver?
    ) {
        self.isGivenInputs = isGivenInputs
        (meter, isTurned) = (WorkMeter(), false)
        self.original = original
        self.merges = merges
        self.groups = groups
        self.settings = settings
        evaluability = merges.network.evaluability()
        self.observer = observer
        began = clock.now
    }

    /// The same run spending another budget; its clock goes on.
    func with(_ budget: Budget) -> PruningRun { PruningRun(self, settings: settings.with(budget)) }

    private init(_ run: PruningRun, settings: PruningSettings) {
        (original, merges, groups, self.settings) = (run.original, run.merges, run.groups, settings)
        (evaluability, isGivenInputs, observer, began) = (run.evaluability, run.isGivenInputs, run.observer, run.began)
        // Other sizes count what was measured for all, and not each other's fits.
        (meter, isTurned) = (WorkMeter(from: run.meter.total), run.isTurned)
    }

    /// The same run on its network behind a transposition of the input.
    init(_ run: PruningRun, turned network: Network, settings: PruningSettings) {
        isTurned = true
        (original, groups, self.settings, isGivenInputs) = (run.original, run.groups, settings, run.isGivenInputs)
        (meter, observer, began) = (run.meter, run.observer, run.began)
        merges = ExactMerges(keeping: network, groupCount: run.groups.count)
        evaluability = network.evaluability()
    }

    /// Up to so many entries, 8 MB, a covariance costs nothing worth thinking of.
    private static let smallCovariance = 1 << 20

    /// Whether moments of a group are worth their memory: where the plan depends on them, or where they are no larger than the network.
    func measuresMoments(of group: ChannelGroup) -> Bool {
        if settings.readsMoments { return true }
        let parameters = network.parameters.values.reduce(0) { $0 + $1.values.count }
        return (CheckedSize(group.count) * group.count).value.map { $0 <= Swift.max(PruningRun.smallCovariance, parameters) } ?? false
    }

    /// Whether keeping these counts costs nothing but redundant channels.
    func isWithoutLoss(_ counts: [Int]) -> Bool {
        zip(zip(groups, merges.redundant), counts).allSatisfy { $0.0.count - $1 <= $0.1.count }
    }

    /// Some group has a consumer whose inputs and outputs can be computed.
    var canMeasure: Bool { groups.contains { !network.measurableConsumers(of: $0, evaluability).isEmpty } }

    /// All outputs of the network can be compared.
    var canCompareOutputs: Bool { network.outputs == network.comparableOutputs }

    /// Groups with readers that cannot be measured, and the operation that is in the way.
    var unmeasured: [PruningWarning] {
        groups.compactMap { group in
            let blocked = network.refittableConsumers(of: group).lazy.compactMap { network.obstacle(of: $0, evaluability) }.first
            return blocked.map { .unmeasured(group: group.id, node: $0.name, operation: $0.operation) }
        }
    }

    /// Tells the observer what begins.
    /// - Throws: `cancelled` when it asks to stop.
    func begin(_ phase: PruningProgress.Phase) throws(PruningError) {
        guard let observer else { return }
        // Learning counts as much as all the rest.
        let steps = 2 * groups.count + 2
        let total = settings.learning == nil ? steps : 2 * steps
        let completed =
            switch phase {
            case .inputs: 0
            case .moments: 1
            case .ranking(let group): 2 + (groups.firstIndex { $0.id == group } ?? 0)
            case .errorCurves: 2 + groups.count
            case .refit(let consumer, _): 2 + groups.count + Swift.min(consumer, groups.count - 1)
            case .learning(let step, let all): steps + steps * step / Swift.max(1, all)
            case .finished: total
            }
        let progress = PruningProgress(phase: phase, completed: completed, total: total, fraction: fraction(of: phase))
        if !observer(progress) { throw .cancelled }
    }

    /// A result and how many seconds it took.
    func timed<Result>(_ body: () throws(PruningError) -> Result) throws(PruningError) -> (result: Result, seconds: Double) {
        let start = clock.now
        let result = try body()
        return (result, (clock.now - start).seconds)
    }

    /// Seconds since the run began.
    var elapsed: Double { (clock.now - began).seconds }
}
