// Shares that cannot be reached are an answer to those who try several.

import Pruning

extension PreparedPruning {
    /// What `body` makes of a share, or why no choice of channels reaches it.
    func reaching<Result>(
        _ budget: Budget, _ body: (PreparedPruning, Budget) throws(PruningError) -> Result
    ) throws(CommandFailure) -> (result: Result?, refusal: String?) {
        do { return (try body(self, budget), nil) } catch {
            let message = error.message(naming: SettingFlags.naming)
            guard case .unreachableTarget = error else { throw .failure(message) }
            return (nil, message)
        }
    }
}
