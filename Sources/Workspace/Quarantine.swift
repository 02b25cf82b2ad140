// SPDX-License-Identifier: Apache-2.0
internal import CGit2
internal import CLinux
internal import Glibc
package import LinuxSystem

/// Where the pushes of one session land: a bare repository of the host that nothing outside the session reads from.
///
/// It begins with the references of a mirror and with none of its objects: those are found in the mirror itself, which
/// whoever opens this names anew each time. So it holds what the session made and nothing else, and no path of the host
/// is written down in it.
package struct Quarantine: ~Copyable {
    private let bare: BareRepository

    /// What of it is ever written by a push; the rest stays as the host made it.
    package static let written = ["objects", "refs"]
    private static let place = "/objects"
    private static let locks = "/locks"
    private static let pushLock = "push"
    /// So many clients are answered at a time; each answer can take a processor.
    private static let fetchLocks = ["fetch-0", "fetch-1", "fetch-2", "fetch-3"]

    /// Makes a new one.
    ///
    /// - Parameters:
    ///   - head: The branch that a clone checks out, `refs/heads/...`; it need not exist.
    ///   - references: What a client finds; their objects are the mirror's.
    package static func create(at path: String, head: String, references: [String: ObjectID]) throws(GitError) {
        let bare = try BareRepository.create(at: path)
        let lines = references.keys.sorted().map { "\(references[$0]?.description ?? "") \($0)\n" }
        do throws(SystemError) {
            // Without the header that promises peeled values, git works them out itself. git-pack-refs(1)
            try Directory.open(path).replace("packed-refs", with: Array(lines.joined().utf8), mode: 0o644)
            try Directory.open(path).replace("HEAD", with: Array("ref: \(head)\n".utf8), mode: 0o644)
            try Directory.open(path).make("locks", mode: 0o755)
            for name in fetchLocks + [pushLock] {
                _ = try Descriptor.create("\(path)\(locks)/\(name)", mode: 0o644)
            }
        } catch {
            throw GitError(
                .failed, "write", "references of \"\(path)\"", "\(error.errno.explanation) (\(error.errno))",
                remedy: "Check the free space of its directory.")
        }
        _ = bare.path
    }

    /// - Parameter objects: The mirror's `objects` directory.
    package init(at path: String, sharing objects: String) throws(GitError) {
        bare = try BareRepository.open(at: path, sharing: objects)
    }

    /// Every reference that names an object.
    package borrowing func references() throws(GitError) -> [String: ObjectID] {
        let iterator = try Handle("list", "references of \"\(bare.path)\"", free: git_reference_iterator_free) {
            git_reference_iterator_new(&$0, bare.repository.pointer)
        }
        var found: [String: ObjectID] = [:]
        while true {
            var raw: OpaquePointer?
            let result = git_reference_next(&raw, iterator.pointer)
            if result == GIT_ITEROVER.rawValue { return found }
            try git("list", "references of \"\(bare.path)\"") { result }
            guard let raw else { return found }
            let reference = Handle(owning: raw, free: git_reference_free)
            guard let target = git_reference_target(reference.pointer), let name = git_reference_name(reference.pointer)
            else { continue }
            found[String(cString: name)] = ObjectID(target.pointee)
        }
    }

    /// Waits for its turn to take a pack, a push at a time, and clears away what one before left that was cut short.
    ///
    /// - Parameter seconds: The longest wait.
    /// - Returns: The turn, which lasts as long as the descriptor is held.
    package borrowing func turn(within seconds: UInt32) throws(GitError) -> Turn {
        do throws(SystemError) {
            let turn = try Self.turn(bare.path, Self.pushLock, within: seconds)
            try Directory.open(bare.path + Self.place).removeTree(Array("incoming".utf8))
            let repository = try Directory.open(bare.path)
            try Leftovers.clearPacks(repository)
            try Leftovers.clearReferenceLocks(repository)
            return turn
        } catch {
            throw GitError(
                .refused, "begin", "a push", error.errno == Errno(ETIMEDOUT) ? "another push is under way" : "\(error)",
                remedy: "Push again when it is done.")
        }
    }

    /// Waits until few enough others read, without any right to write.
    ///
    /// - Parameter number: Any; it spreads the callers.
    package static func readersTurn(_ path: String, _ number: Int32, within seconds: UInt32) throws(SystemError) -> Turn
    {
        try turn(path, fetchLocks[Int(number.magnitude) % fetchLocks.count], within: seconds)
    }

    private static func turn(_ path: String, _ name: String, within seconds: UInt32) throws(SystemError) -> Turn {
        let file = try Descriptor.open("\(path)\(locks)/\(name)", O_RDONLY | O_NOFOLLOW)
        let number = file.number
        // Not `checked`, which would wait again after the alarm. flock(2), EINTR
        let result = sp_lock_within(number, seconds)
        if result < 0 { throw SystemError("lock", "\"\(path)\(locks)/\(name)\"", Errno(Int32(-result))) }
        return Turn(lock: file)
    }

    /// Lasts as long as it is held.
    package struct Turn: ~Copyable { fileprivate let lock: Descriptor }

    /// Begins to take a pack.
    package borrowing func intake(_ turn: borrowing Turn, budget: Budget) throws(GitError) -> Intake {
        Intake(pack: try IncomingPack(into: bare, budget: budget, place: Self.place), budget: budget)
    }

    /// Bytes of all objects that pushes brought so far.
    package borrowing func size() throws(GitError) -> UInt64 {
        do throws(SystemError) {
            let packs = try Directory.open(bare.path + "/objects/pack")
            var sum: UInt64 = 0
            for name in try packs.names() { sum += try packs.status(String(decoding: name, as: UTF8.self)).size }
            return sum
        } catch {
            throw GitError(
                .failed, "measure", "\"\(bare.path)\"", "\(error.errno.explanation) (\(error.errno))",
                remedy: "Look at its objects directory.")
        }
    }

    /// Why a branch may not be moved, nil when it may: it must name a commit that is there and, where it was one
    /// already, one that descends from the commit before.
    package borrowing func flaw(moving old: ObjectID?, to new: ObjectID) throws(GitError) -> String? {
        let repository = bare.repository.pointer
        var newID = new.raw
        var commit: OpaquePointer?
        guard git_commit_lookup(&commit, repository, &newID) == 0, let commit else {
            return "its new object is no commit that is there"
        }
        git_commit_free(commit)
        guard var oldID = old?.raw, old != new else { return nil }
        let descends = try git("compare", "\(new) with the branch's commit", code: .refused) {
            git_graph_descendant_of(repository, &newID, &oldID)
        }
        return descends == 1 ? nil : "not a fast-forward"
    }

    /// Moves references, each only from where it was thought to be. When one cannot be moved, none is.
    ///
    /// They are files, written one after the other: a process that is killed in between leaves some moved, and so does a
    /// full disk on which they cannot be moved back either, which the error then says.
    package borrowing func move(_ moves: [Move]) throws(GitError) {
        let repository = bare.repository.pointer
        var hasBegun = false
        do throws(GitError) {
            let transaction = try Handle("begin", "a change of references", free: git_transaction_free) {
                git_transaction_new(&$0, repository)
            }
            for move in moves {
                try git("lock", move.reference, code: .refused, remedy: "Push again.") {
                    git_transaction_lock_ref(transaction.pointer, move.reference)
                }
                guard current(move.reference) == move.old else {
                    throw GitError(.refused, "move", move.reference, "it was moved meanwhile", remedy: "Fetch first.")
                }
                var id = move.new.raw
                try git("move", move.reference) {
                    git_transaction_set_target(transaction.pointer, move.reference, &id, nil, nil)
                }
            }
            hasBegun = true
            try git("move", "\(moves.count) references") { git_transaction_commit(transaction.pointer) }
        } catch {
            guard hasBegun else { throw error }
            // Its locks are free by now.
            let stuck = moves.filter { $0.old != $0.new && current($0.reference) == $0.new && !goBack($0) }
            if stuck.isEmpty { throw error }
            let names = stuck.map(\.reference).joined(separator: ", ")
            throw GitError(
                .refused, "move", "\(moves.count) references", "\(error.reason); \(names) moved nevertheless",
                remedy: "Fetch first.")
        }
    }

    /// Undoes a move that was made; false where that cannot be done.
    private borrowing func goBack(_ move: Move) -> Bool {
        let repository = bare.repository.pointer
        var (new, made) = (move.new.raw, nil as OpaquePointer?)
        defer { if let made { git_reference_free(made) } }
        guard var old = move.old?.raw else {
            return git_reference_lookup(&made, repository, move.reference) == 0 && git_reference_delete(made) == 0
        }
        return git_reference_create_matching(&made, repository, move.reference, &old, 1, &new, nil) == 0
    }

    package struct Move: Sendable {
        package let reference: String
        package let old: ObjectID?
        package let new: ObjectID

        package init(reference: String, old: ObjectID?, new: ObjectID) {
            self.reference = reference
            self.old = old
            self.new = new
        }
    }

    private borrowing func current(_ reference: String) -> ObjectID? {
        var id = git_oid()
        return git_reference_name_to_id(&id, bare.repository.pointer, reference) == 0 ? ObjectID(id) : nil
    }
}

extension Quarantine {
    /// A pack on its way in. Nothing of it stays unless it is kept.
    package struct Intake: ~Copyable {
        private var pack: IncomingPack
        private let budget: Budget

        init(pack: consuming IncomingPack, budget: Budget) {
            self.pack = pack
            self.budget = budget
        }

        package mutating func append(_ bytes: [UInt8]) throws(GitError) { try pack.append(bytes) }

        /// Completes the pack and looks at every object in it; the repository that it was begun in then knows them.
        package borrowing func check() throws(GitError) {
            try ReceivedObjects(try pack.commit(), budget: budget, submodules: .allowed).check()
        }

        /// Bytes that it takes when it is kept.
        package borrowing func size() throws(GitError) -> UInt64 { try pack.installedSize() }

        package borrowing func keep() throws(GitError) { try pack.install() }
    }
}
