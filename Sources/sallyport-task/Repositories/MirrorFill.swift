// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import Workspace

/// Brings the host's copy of an upstream up to date, before a session begins with it; only what is new is transferred.
///
/// A remote upstream is asked by git itself, confined; a directory of this host is read by libgit2 as its owner, so that
/// nothing in it is ever run or obeyed.
struct MirrorFill {
    let step: ConfinedStep
    /// Longest time for one call of git.
    let seconds: Int
    let environment: [String]
    var credential: CredentialReference?
    /// A file of certificates to trust instead of the host's.
    var authorities: String?

    struct Outcome {
        let repository: String
        let list: ReferenceList
        /// How much the copy grew.
        let bytes: UInt64
        /// Each request, where a credential was used.
        let uses: [TransferUse]
    }

    func run(_ store: borrowing MirrorStore) throws(TaskFailure) -> Outcome {
        // Whatever was cut short before, at any point, is cleared away: nobody else is at work here.
        _ = try step.run(["step-mirror-prepare"] + Self.place(store), held: store.lock.number)
        let before = try Self.size(store)
        var uses: [TransferUse] = []
        var head: String?
        switch store.upstream {
        case .remote(let url): head = try fetch(url, store, &uses)
        case .local(let path): try copy(path, store)
        }
        let list = try list(store, head: head)
        let bytes = try Self.size(store)
        let outcome = Outcome(
            repository: store.repository, list: list, bytes: bytes > before ? bytes - before : 0, uses: uses)
        try describe(store, outcome)
        return outcome
    }

    private static func place(_ store: borrowing MirrorStore) -> [String] {
        ["--quarantine", store.copy, "--become", store.owner]
    }

    /// What the copy has now.
    private func list(_ store: borrowing MirrorStore, head: String?) throws(TaskFailure) -> ReferenceList {
        let file = try MemoryFile.make()
        let choice = head.map { ["--head", $0] } ?? []
        _ = try step.run(
            ["step-mirror-list"] + choice + Self.place(store), outputs: [file.number], held: store.lock.number)
        MemoryFile.rewind(file)
        do throws(GitError) { return try ReferenceList(from: file) } catch { throw TaskFailure(error) }
    }

    // MARK: An upstream on this host

    private func copy(_ path: String, _ store: borrowing MirrorStore) throws(TaskFailure) {
        let known = try MemoryFile.make(try list(store, head: nil).encoded)
        let owner = try host { () throws(SystemError) in
            try FileStatus.of(try Descriptor.open(path, O_PATH), subject: "\"\(path)\"")
        }
        let identity = geteuid() == 0 && owner.uid != 0 ? "\(owner.uid):\(owner.gid)" : "-"
        // On disk, since a whole history may not fit into memory.
        let pack = try host { () throws(SystemError) in
            _ = sp_unlinkat(store.directory.fd.number, "incoming", 0)
            return try store.directory.open("incoming", O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
        }
        let report = try step.run(
            ["step-mirror-read", "--repo", path, "--become", identity], input: known.number, outputs: [pack.number])
        MemoryFile.rewind(pack)
        _ = try step.run(
            ["step-mirror-take", "--pack", report["pack"] ?? "no"] + Self.place(store), input: pack.number,
            held: store.lock.number)
        try host { () throws(SystemError) in try store.directory.remove("incoming") }
    }

    // MARK: An upstream elsewhere

    private static let references = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]

    /// Fetches, and returns the branch that a clone of the upstream would check out.
    private func fetch(_ url: RemoteURL, _ store: borrowing MirrorStore, _ uses: inout [TransferUse])
        throws(TaskFailure) -> String?
    {
        guard credential == nil || url.isSecure || url.isLoopback else {
            throw TaskFailure(
                "send", "a credential to \(url.origin)", "it is plain HTTP, which everybody on the way can read",
                remedy: "Use https.")
        }
        let transfer = HostGit(
            processes: step.processes, seconds: seconds, url: url, identity: store.identity,
            repository: store.repository, writable: ["."], credential: try secret(),
            authorities: try certificates(), held: store.lock.number)
        let asked = try transfer.run(["ls-remote", "--symref", "--quiet", url.text, "HEAD"])
        try conclude(asked, url, store, &uses)
        let before = try Self.size(store)
        let fetched = try transfer.run(
            ["fetch", "--quiet", "--prune", "--force", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"]
                + [url.text] + Self.references)
        let after = try Self.size(store)
        try conclude(fetched, url, store, arrived: after > before ? after - before : 0, &uses)
        return Self.head(asked.output)
    }

    /// Notes what a call of git asked for, and throws when it failed.
    ///
    /// - Parameter arrived: Bytes of packs; no server announces the length of one that it makes on the way.
    private func conclude(
        _ result: HostGit.Result, _ url: RemoteURL, _ store: borrowing MirrorStore, arrived: UInt64 = 0,
        _ uses: inout [TransferUse]
    ) throws(TaskFailure) {
        var asked = result.uses
        if arrived > 0, let last = asked.indices.last, asked[last].bytes == nil { asked[last].bytes = arrived }
        try note(asked, url, store)
        if case .interrupted = result.end { throw TaskFailure(message: "interrupted while \(url.text) was read") }
        if let failure = UpstreamFailure(result, earlier: uses, hasCredential: credential != nil) {
            throw failure.failure(of: url)
        }
        uses += asked
    }

    private func secret() throws(TaskFailure) -> Secret? {
        guard let credential else { return nil }
        // Nobody of our own id may look into this process from here on. prctl(2), PR_SET_DUMPABLE
        _ = try host { () throws(SystemError) in
            try checked("become", "non-dumpable") { sp_prctl(PR_SET_DUMPABLE, 0, 0) }
        }
        do throws(CredentialError) {
            return try credential.read { name in
                environment.first { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.utf8.count + 1)) }
            }
        } catch { throw TaskFailure(error) }
    }

    private func certificates() throws(TaskFailure) -> [UInt8]? {
        guard let authorities else { return nil }
        return try host { () throws(SystemError) in
            try Descriptor.open(authorities, O_RDONLY | O_NONBLOCK).readAll(
                limit: 4 << 20, subject: "\"\(authorities)\"")
        }
    }

    /// Reads "ref: refs/heads/main<TAB>HEAD".
    private static func head(_ output: [UInt8]) -> String? {
        for line in output.split(separator: 0x0A) {
            guard let text = String(validating: line, as: UTF8.self), text.hasPrefix("ref: "), text.hasSuffix("\tHEAD")
            else { continue }
            let name = String(text.dropFirst(5).dropLast(5))
            return name.hasPrefix("refs/heads/") && ReferenceList.isTaken(name) ? name : nil
        }
        return nil
    }

    // MARK: Records

    private static let mostUsesBytes: UInt64 = 16 << 20

    /// Writes each use of a credential down.
    private func note(_ uses: [TransferUse], _ url: RemoteURL, _ store: borrowing MirrorStore) throws(TaskFailure) {
        guard let credential, !uses.isEmpty else { return }
        let time = sp_clock_ns(CLOCK_REALTIME) / 1_000_000
        var lines: [UInt8] = []
        for use in uses {
            lines += JSONWriter().write([
                "time_ms": .number(time), "credential": .string(credential.text), "host": .string(url.host),
                "method": .string(use.method), "target": .string(use.target), "status": .optional(use.status),
                "bytes": .optional(use.bytes),
            ])
            lines.append(0x0A)
        }
        try host { () throws(SystemError) in
            let file = try store.directory.open("uses.jsonl", O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, mode: 0o600)
            let size = try FileStatus.of(file, subject: "the ledger").size
            guard size < Self.mostUsesBytes else {
                throw SystemError(
                    "note a use of a credential in", "\"\(store.directory.path)/uses.jsonl\"", Errno(EFBIG),
                    remedy: "Put the file away, and go on with a new one.")
            }
            try file.writeAll(lines, subject: "the ledger")
        }
    }

    private func describe(_ store: borrowing MirrorStore, _ outcome: Outcome) throws(TaskFailure) {
        let document: JSON = [
            "version": 1, "upstream": .string(store.upstream.text), "repository": .string(outcome.repository),
            "filled_ms": .number(sp_clock_ns(CLOCK_REALTIME) / 1_000_000),
            "references": .int(outcome.list.references.count), "bytes_received": .number(outcome.bytes),
        ]
        try host { () throws(SystemError) in
            try store.directory.replace("mirror.json", with: JSONWriter(pretty: true).write(document) + [0x0A])
        }
    }

    /// Bytes of its packs. What lies there belongs to another id, so no name is followed anywhere.
    private static func size(_ store: borrowing MirrorStore) throws(TaskFailure) -> UInt64 {
        try host { () throws(SystemError) in
            var packs = try store.directory.directory("copy")
            for name in ["mirror.git", "objects", "pack"] { packs = try packs.directory(name) }
            var sum: UInt64 = 0
            for name in try packs.names() where name.suffix(5).elementsEqual(".pack".utf8) {
                sum += try packs.status(String(decoding: name, as: UTF8.self)).size
            }
            return sum
        }
    }
}
