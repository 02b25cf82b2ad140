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
    let access: UpstreamAccess

    struct Outcome {
        let repository: String
        let list: ReferenceList
        /// How much the copy grew.
        let bytes: UInt64
        /// Each request.
        let ledger: TransferLedger
    }

    func run(_ store: borrowing MirrorStore) throws(TaskFailure) -> Outcome {
        // Whatever was cut short before, at any point, is cleared away: nobody else is at work here.
        _ = try step.run(["step-mirror-prepare"] + Self.place(store), held: store.lock.number)
        let before = try Self.size(store)
        var ledger = TransferLedger()
        var head: String?
        switch store.upstream {
        case .remote(let url): head = try fetch(url, store, &ledger)
        case .local(let path): try copy(path, store)
        }
        let list = try list(store, head: head)
        let bytes = try Self.size(store)
        let outcome = Outcome(
            repository: store.repository, list: list, bytes: bytes > before ? bytes - before : 0, ledger: ledger)
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
    private func fetch(_ url: RemoteURL, _ store: borrowing MirrorStore, _ ledger: inout TransferLedger)
        throws(TaskFailure) -> String?
    {
        var transfer = try access.git(step.processes, url, identity: store.identity)
        (transfer.repository, transfer.writable, transfer.held) = (store.repository, ["."], store.lock.number)
        let asked = try transfer.run(["ls-remote", "--symref", "--quiet", url.text, "HEAD"])
        try conclude(asked, url, store, &ledger)
        let before = try Self.size(store)
        let fetched = try transfer.run(
            ["fetch", "--quiet", "--prune", "--force", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"]
                + [url.text] + Self.references)
        let after = try Self.size(store)
        try conclude(fetched, url, store, arrived: after > before ? after - before : 0, &ledger)
        return Self.head(asked.output)
    }

    /// Notes what a call of git asked for, and throws when it failed.
    ///
    /// - Parameter arrived: Bytes of packs; no server announces the length of one that it makes on the way.
    private func conclude(
        _ result: HostGit.Result, _ url: RemoteURL, _ store: borrowing MirrorStore, arrived: UInt64 = 0,
        _ ledger: inout TransferLedger
    ) throws(TaskFailure) {
        var asked = result.uses
        if arrived > 0, let last = asked.indices.last, asked[last].bytes == nil { asked[last].bytes = arrived }
        let earlier = ledger.uses
        try store.note(ledger.add(asked, of: url, with: access.credential))
        if case .interrupted = result.end { throw TaskFailure(message: "interrupted while \(url.text) was read") }
        if let failure = UpstreamFailure(result, .read, earlier: earlier, hasCredential: access.credential != nil) {
            throw failure.failure(of: url)
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
