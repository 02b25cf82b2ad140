// SPDX-License-Identifier: Apache-2.0
internal import CGit2
package import LinuxSystem

/// A repository without working tree that belongs to the host: what a sandbox clones from, and what is delivered.
///
/// It has no configuration, hook or reference of the caller's repository, only objects of the base commit's history.
package struct BareRepository: ~Copyable {
    let repository: Handle
    package let path: String

    /// The branch that stands for the base commit.
    package static let baseReference = "refs/heads/base"

    /// Makes a new one; its HEAD names the base branch.
    package static func create(at path: String) throws(GitError) -> BareRepository {
        let handle = try Handle(
            "create repository", "\"\(path)\"", remedy: "Check that its directory is writable and that it does not exist.",
            free: git_repository_free
        ) { sp_git_init_bare(&$0, path, "base") }
        return BareRepository(repository: handle, path: path)
    }

    /// Opens one that ``create(at:)`` made.
    package static func open(at path: String) throws(GitError) -> BareRepository {
        let handle = try Handle("open repository", "\"\(path)\"", free: git_repository_free) {
            git_repository_open_bare(&$0, path)
        }
        return BareRepository(repository: handle, path: path)
    }

    private init(repository: consuming Handle, path: String) {
        self.repository = repository
        self.path = path
    }

    /// Takes the pack of the base commit's history and sets the base branch.
    package borrowing func takeBase(_ base: ObjectID, from pack: borrowing Descriptor, budget: Budget) throws(GitError) {
        let incoming = try IncomingPack(repository: repository.pointer, directory: path, budget: budget)
        try incoming.append(rest: pack)
        try incoming.commit()
        try setReference(Self.baseReference, to: base)
    }

    /// Creates a reference; one that exists is an error, never moved.
    package borrowing func setReference(_ name: String, to id: ObjectID) throws(GitError) {
        var raw = id.raw
        let reference = try Handle("create", "\(name)", free: git_reference_free) {
            git_reference_create(&$0, repository.pointer, name, &raw, 0, "sallyport task")
        }
        _ = reference.pointer
    }

    /// Makes a clone of this repository check out a branch.
    package borrowing func setHead(_ reference: String) throws(GitError) {
        try git("point", "HEAD at \(reference)") { git_repository_set_head(repository.pointer, reference) }
    }

    /// Every reference by name, sorted.
    package borrowing func references() throws(GitError) -> [String] {
        var list = git_strarray()
        try git("list", "references of \"\(path)\"") { git_reference_list(&list, repository.pointer) }
        defer { git_strarray_dispose(&list) }
        return (0..<list.count).compactMap { list.strings[$0].map { String(cString: $0) } }.sorted()
    }
}

/// A pack on its way into a repository's object directory; without ``commit()`` nothing of it becomes visible.
struct IncomingPack: ~Copyable {
    private let indexer: Handle
    private let objects: Handle
    private let directory: String
    private let budget: Budget

    init(repository: OpaquePointer, directory: String, budget: Budget) throws(GitError) {
        let path = directory + "/objects/pack"
        let objects = try Handle("open", "objects of \"\(directory)\"", free: git_odb_free) {
            git_repository_odb(&$0, repository)
        }
        let pool = objects.pointer
        let indexer = try Handle("receive a pack in", "\"\(path)\"", free: git_indexer_free) {
            sp_git_indexer(&$0, path, pool)
        }
        self.init(indexer: indexer, objects: objects, directory: path, budget: budget)
    }

    private init(
        indexer: consuming Handle, objects: consuming Handle, directory: String, budget: Budget
    ) {
        self.indexer = indexer
        self.objects = objects
        self.directory = directory
        self.budget = budget
    }

    func append(_ bytes: [UInt8]) throws(GitError) {
        var progress = git_indexer_progress()
        try git("read", "the received pack", code: .refused, remedy: Self.refusal) {
            git_indexer_append(indexer.pointer, bytes, bytes.count, &progress)
        }
    }

    /// Takes what is left of a file.
    func append(rest file: borrowing Descriptor) throws(GitError) {
        var total = 0
        while true {
            let piece: [UInt8]
            do throws(SystemError) {
                piece = try file.readSome(upTo: 1 << 16, subject: "the received pack")
            } catch {
                throw GitError(.failed, "read", "the received pack", "\(error.errno)", remedy: "Try again.")
            }
            if piece.isEmpty { return }
            total += piece.count
            guard total <= budget.bundleBytes else {
                throw GitError(
                    .refused, "read", "the received pack", "more than \(budget.bundleBytes) bytes", remedy: Self.refusal)
            }
            try append(piece)
        }
    }

    /// Finishes the pack, its missing delta bases taken from the repository, and checks that it names no object that
    /// is not there.
    ///
    /// - Returns: The path of its index.
    @discardableResult
    func commit() throws(GitError) -> String {
        var progress = git_indexer_progress()
        try git("complete", "the received pack", code: .refused, remedy: Self.refusal) {
            git_indexer_commit(indexer.pointer, &progress)
        }
        guard let name = git_indexer_name(indexer.pointer) else {
            throw GitError(.failed, "complete", "the received pack", "it has no name", remedy: "Report this.")
        }
        return "\(directory)/pack-\(String(cString: name)).idx"
    }

    private static let refusal = "Nothing of it was taken; the received bytes are kept beside the evidence."
}
