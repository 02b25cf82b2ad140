// SPDX-License-Identifier: Apache-2.0
internal import Changes
internal import Documents
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Supervisor

/// Reads one sealed change set, and for `apply` writes it into the caller's tree: this program started again, which
/// first gives up everything but those two.
enum ChangesVerb {
    static let name = "internal-changes"
    /// Exit statuses towards the verb that started it.
    static let withheld: Int32 = 3
    static let refused: Int32 = 1
    static let partial: Int32 = 4

    static func run(_ words: [String]) -> Int32 {
        do {
            guard words.count >= 2, let id = SessionID(words[1]) else {
                throw SystemError("read", "the session's name", .invalid)
            }
            let context = try Context.make()
            let kept = KeptChanges(context.paths)
            let record = try kept.record(id)
            let directory = try Directory.open(context.paths.changes)
            let file = try directory.open("\(id).set", O_RDONLY)
            let workspace = try workspace(of: record, words)
            let umask = Applier.currentMask()
            let applying = words[0] == "apply"
            let numbers = [file.number, workspace.fd.number]
            try Confinement.forApply(
                readable: numbers, writable: applying ? workspace.fd.number : nil, runAs: workspace.fd.number)
            let set = try ChangeSet(owning: try file.duplicate(), subject: "the changes of session \(id)")
            guard set.summary.digest == record.digest, set.session == id.text else {
                throw SystemError(
                    "trust", "the changes of session \(id)", .notPermitted,
                    remedy: "Their digest is not the recorded one.")
            }
            if applying {
                return try apply(
                    set, workspace,
                    ApplyOptions(
                        acceptFlagged: words.contains("--accept-flagged"),
                        acceptPartial: words.contains("--accept-partial"), umask: umask),
                    json: words.contains("--json"))
            }
            try show(set, workspace, json: words.contains("--json"), stat: words.contains("--stat"))
            return 0
        } catch {
            Output.error("\(error)")
            return 125
        }
    }

    /// The directory that the session showed, found by its path and known by more than that; or the one that the caller
    /// names instead, where every entry is still compared with what the session started from.
    private static func workspace(of record: KeptChanges.Record, _ words: [String]) throws(SystemError) -> Directory {
        if let to = words.firstIndex(of: "--to"), to + 1 < words.count {
            return try Directory.open(strict: words[to + 1])
        }
        return try tree(of: record, remedy: "Name the directory that the changes are for by --to DIR.")
    }

    /// The directory that the session showed.
    static func tree(of record: KeptChanges.Record, remedy: String) throws(SystemError) -> Directory {
        guard let path = record.workspace else {
            throw SystemError(
                "find", "a workspace of session \(record.session): it began empty", .noEntry, remedy: remedy)
        }
        let directory: Directory
        do throws(SystemError) { directory = try Directory.open(strict: path) } catch {
            throw SystemError(error.operation, error.subject, error.errno, remedy: remedy)
        }
        let found = KeptChanges.identity(try FileStatus.of(directory.fd, subject: "\"\(path)\""))
        guard found == record.directory else {
            throw SystemError(
                "take \"\(path)\" for", "the workspace of session \(record.session)", .stale,
                remedy:
                    "Another directory has that path now (\(found)) than the session's (\(record.directory ?? "")). \(remedy)"
            )
        }
        return directory
    }

    private static func show(_ set: ChangeSet, _ workspace: borrowing Directory, json: Bool, stat: Bool) throws {
        if json {
            let entries = try ChangesDocument.entries(set)
            Output.out(
                JSON.object([
                    .init("session", .string(set.session)), .init("digest", .string(set.summary.digest)),
                    .init("entries", entries),
                ]).compactText)
            return
        }
        let report = try ChangeReport(set, against: workspace, options: .init(contents: !stat))
        try report.write { text throws(ChangeError) in Output.outRaw(text) }
    }

    private static func apply(_ set: ChangeSet, _ workspace: borrowing Directory, _ options: ApplyOptions, json: Bool)
        throws -> Int32
    {
        let report = try Applier.apply(set, to: workspace, options: options)
        if json {
            func items(_ list: [ApplyReport.Item]) -> JSON {
                .array(list.map { .object([.init("path", .text($0.path)), .init("reason", .string($0.reason))]) })
            }
            Output.out(
                JSON.object([
                    .init("session", .string(set.session)), .init("applied", .array(report.applied.map { .text($0) })),
                    .init("already", .array(report.already.map { .text($0) })),
                    .init("withheld", items(report.withheld)), .init("left_out", items(report.leftOut)),
                    .init("conflicts", items(report.conflicts)), .init("left", items(report.left)),
                ]).compactText)
        } else {
            for item in report.conflicts { Output.out("conflict  \(item.shown)") }
            for item in report.withheld { Output.out("withheld  \(item.shown)") }
            for item in report.leftOut { Output.out("left out  \(item.shown)") }
            for item in report.left { Output.out("left      \(item.shown)") }
            Output.out(
                "\(report.applied.count) applied, \(report.already.count) already there, \(report.withheld.count) withheld, \(report.conflicts.count) conflicts"
            )
            if !report.withheld.isEmpty {
                Output.out("withheld changes act on the host when opened; take them too with --accept-flagged")
            }
            if !report.conflicts.isEmpty {
                Output.out("nothing was written: the workspace changed meanwhile")
            } else if !report.leftOut.isEmpty && !options.acceptPartial {
                Output.out(
                    "nothing was written: the set lacks what is left out; take the rest without it with --accept-partial"
                )
            }
        }
        if !report.conflicts.isEmpty { return refused }
        if !report.leftOut.isEmpty && !options.acceptPartial { return partial }
        return report.withheld.isEmpty && report.left.isEmpty ? 0 : withheld
    }
}
