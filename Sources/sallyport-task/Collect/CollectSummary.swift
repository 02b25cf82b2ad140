// SPDX-License-Identifier: Apache-2.0
internal import Workspace

/// The screen of a `collect`, for people.
struct CollectSummary {
    let record: CollectRecord
    let directory: String

    var text: String {
        var lines = ["collect   \(PrintableText.escapedOnce(record.directory))  \(record.outcome.rawValue)"]
        lines += record.gate?.lines ?? []
        if let reason = record.refusal, record.gate?.isRefused != true { lines.append("refused   \(reason)") }
        lines += left
        lines += record.notes.prefix(Self.mostShown).map { "note      \($0)" }
        if let delivered = record.delivered, let branch = record.branch {
            lines.append("branch    \(branch)  \(delivered.commit)")
            lines += delivered.diffstat
            if delivered.commit != record.head {
                lines.append("          the last commit holds what was not committed, as it lay in the working tree")
            }
            if record.base == nil { lines.append("base      none; the whole history was judged as new") }
            let patch = delivered.hasPatch ? ", result.patch" : ""
            lines.append("result    \(directory)/result.git, result.bundle\(patch)")
            lines.append("take it   git fetch \(directory)/result.git \(branch)")
        } else {
            lines.append("branch    none delivered")
        }
        if let push = record.push { lines.append("pushed    \(push.failure.map { "not: \($0)" } ?? push.remote)") }
        lines.append("record    \(directory)/collect.json")
        return lines.joined(separator: "\n") + "\n"
    }

    private static let mostShown = 20

    private var left: [String] {
        var lines = record.leftOut.prefix(Self.mostShown).map { "left out  \($0.path): \($0.reason)" }
        if record.leftOutCount > lines.count {
            lines.append("left out  and \(record.leftOutCount - lines.count) more")
        }
        return lines
    }
}
