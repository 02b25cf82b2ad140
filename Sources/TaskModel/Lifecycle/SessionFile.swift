// SPDX-License-Identifier: Apache-2.0

/// Names of what a session's process writes for whoever looks after it.
package enum SessionFile {
    package static let lock = "lock"
    /// `pid`, `start`, `boot`.
    package static let begun = "begun.json"
    /// What hydrate-context gathered.
    package static let hydration = "hydration.json"
    /// `report`, as ``SessionReport`` has it, or `error` with a `message`.
    package static let end = "end.json"
    /// What it tells while it runs: ``SessionNews``, one on each line, only ever added to.
    package static let news = "news.jsonl"
    /// A directory of answers to what it asked, each written whole: ``ApprovalAnswer``.
    package static let answers = "answers"
    package static func answer(_ question: String) -> String { question + ".json" }
    /// The locked file, as its process inherits it.
    package static let lockDescriptor: Int32 = 3
}
