// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import Documents
internal import Isolation
internal import LinuxSystem
internal import Policy
internal import Supervisor

/// `sallyport pool`: the disk space for workspaces that are too large for memory.
enum PoolVerb {
    private static let help = Help(
        usage: "sallyport pool create | mount | show | remove  [options]",
        summary: "Makes, mounts, shows and removes the one file system for workspaces that are too large for memory.",
        options: [
            Option(
                "size", "BYTES|20GiB",
                "create: its size (default: \(Units.text(bytes: Pool.standardBytes))); the disk is taken as it is written"
            ),
            Option("path", "FILE", "create: where its image goes (default: pool.img in the state directory)"),
            Option("json", nil, "machine-readable output"), Option("help", nil, "this text"),
        ],
        notes: """
            create makes an image with ext4 and project quota and mounts it at pool in the state directory; run again it mounts
            what is there. A mount does not outlive a restart of the host: run `sallyport pool mount` at its start. remove is
            refused while a session has changes in the pool; kept changes are not in it. Needs root.

            exit codes: 0 done (show: it is mounted); 1 show: it is not mounted; 125 it could not be done.
            """)

    static func run(_ line: [String]) -> Int32 {
        do {
            let arguments = try Arguments(line, options: help.options)
            if arguments.has("help") || arguments.words.isEmpty {
                Output.out(help.text)
                return arguments.has("help") ? 0 : 125
            }
            let (verb, bytes, path) = try read(arguments)
            guard Mode.current == .host else {
                throw SystemError(
                    "use", "a pool", .notPermitted,
                    remedy: "Only root has one. Without root, changes are held in memory, or without a limit by name: "
                        + "limits.workspace: unmetered.")
            }
            let context = try Context.make()
            try context.paths.prepare()
            let pool = Pool(context.paths, fault: FaultPoint(environmentValue("SALLYPORT_FAULT_POINT")))
            let report: PoolReport
            switch verb {
            case .create: report = try pool.create(bytes: bytes, image: path)
            case .mount: report = try pool.mount()
            case .show: report = try pool.show()
            case .remove:
                try pool.remove()
                report = try pool.show()
            }
            Output.out(arguments.has("json") ? report.json.compactText : text(report))
            let serves = report.state == .mounted || report.state == .foreign && report.quota
            return verb == .show && !serves ? 1 : 0
        } catch {
            Output.error("\(error)")
            return 125
        }
    }

    private enum Verb: String { case create, mount, show, remove }

    private static func read(_ arguments: Arguments) throws -> (Verb, bytes: UInt64?, path: String?) {
        guard arguments.words.count == 1, arguments.command == nil, let verb = Verb(rawValue: arguments.words[0]) else {
            throw UsageError("usage: \(help.usage)")
        }
        let size = try arguments.value("size")
        let path = try arguments.value("path")
        guard verb == .create || (size == nil && path == nil) else {
            throw UsageError("--size and --path are for `sallyport pool create` only")
        }
        let bytes = size.flatMap { Units.bytes($0) }
        if let size, bytes == nil {
            throw UsageError("--size is BYTES or like 20GiB, and \"\(size.displayed)\" is not")
        }
        return (verb, bytes, path)
    }

    private static func text(_ report: PoolReport) -> String {
        switch report.state {
        case .absent: return "There is no pool."
        case .unfinished: return "The pool was never finished. Run: sallyport pool create"
        case .missing: return "The pool's image \(report.image ?? "") is not there. Mount the disk that it lies on."
        case .unmounted: return "The pool in \(report.image ?? "") is not mounted. Run: sallyport pool mount"
        case .foreign:
            return "Another file system is mounted at \(report.mountPoint); it counts "
                + (report.quota ? "project quota and serves as the pool." : "no project quota.")
        case .mounted:
            let size = Units.text(bytes: report.imageBytes ?? 0)
            return """
                pool      \(report.mountPoint), \(size), \(mebibytes(report.availableBytes)) left
                image     \(report.image ?? ""), \(mebibytes(report.bytesOnDisk)) on disk, \(report.device ?? "")
                sessions  \(report.sessions.isEmpty ? "none" : report.sessions.joined(separator: " "))
                """
        }
    }

    private static func mebibytes(_ bytes: UInt64?) -> String { "\((bytes ?? 0) >> 20) MiB" }
}
