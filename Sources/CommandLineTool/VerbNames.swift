// What may stand behind `loewner`, and what was meant by a word that may not.

import TensorFiles

enum VerbNames {
    static let all = Loewner.configuration.subcommands.map { $0._commandName }

    /// Words of other tools, and of this one for something else.
    private static let synonyms = [
        "graph": "inspect MODEL --graph FILE", "draw": "inspect MODEL --graph FILE", "plot": "fit POINTS --plot FILE",
        "describe": "inspect MODEL --describe FILE", "show": "inspect", "info": "inspect", "summary": "inspect", "list": "inspect",
        "compress": "prune", "shrink": "prune", "cut": "prune", "slim": "prune", "sparsify": "prune",
        "finetune": "learn", "fine-tune": "learn", "train": "learn", "retrain": "learn", "distill": "learn",
        "test": "evaluate", "accuracy": "evaluate", "validate": "evaluate", "replay": "apply", "check": "verify", "compare": "verify",
        "ellipsoid": "fit", "mvee": "fit", "john": "fit", "caratheodory": "reduce", "sample": "coreset POINTS --sample M",
        "sensitivities": "coreset POINTS --sensitivities", "distance": "score", "distances": "score", "outliers": "fit POINTS --trim SHARE",
        "optimal-design": "design", "sweep": "curve", "version": "--version",
    ]

    /// The verb that a word is a misspelling, a beginning or a synonym of.
    static func suggestion(for word: String) -> String? {
        let typed = word.lowercased()
        if let known = synonyms[typed] { return known }
        if typed.count >= 3, let longer = all.first(where: { $0.hasPrefix(typed) }) { return longer }
        if let close = Spelling.suggestion(for: typed, among: all) { return close }
        return Spelling.suggestion(for: typed, among: synonyms.keys.sorted()).flatMap { synonyms[$0] }
    }

    /// A sentence about a word that is no verb.
    static func message(about word: String, expected: String = "a verb") -> String {
        let shown = word.prefix(40)
        return "expected \(expected), found \"\(shown)\"" + (suggestion(for: word).map { "; did you mean \($0)?" } ?? "")
    }
}
