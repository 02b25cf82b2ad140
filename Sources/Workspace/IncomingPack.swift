// SPDX-License-Identifier: Apache-2.0
internal import CGit2
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// A pack on its way into a repository: it is completed and looked at in a directory of its own.
///
/// Only ``install()`` puts it among the repository's objects; without that nothing of it stays.
struct IncomingPack: ~Copyable {
    private let indexer: Handle
    private let objects: Handle
    /// One for the whole pack: libgit2 counts in it, and compares the counts at the end.
    private let progress: UnsafeMutablePointer<git_indexer_progress>
    private let repositoryPath: String
    private let staging: String
    private let budget: Budget
    /// Bytes taken so far.
    private var size = 0

    /// - Parameter place: Where it is completed, below the repository; nothing there by the name "incoming".
    init(into bare: borrowing BareRepository, budget: Budget, place: String = "") throws(GitError) {
        let path = bare.path
        let repository = bare.repository.pointer
        let staging = path + place + "/incoming"
        try Self.system("create", "\"\(staging)\"") { sp_mkdirat(AT_FDCWD, staging, 0o755) }
        let objects = try Handle("open", "objects of \"\(path)\"", free: git_odb_free) {
            git_repository_odb(&$0, repository)
        }
        let pool = objects.pointer
        let indexer = try Handle("receive a pack in", "\"\(path)\"", free: git_indexer_free) {
            git_indexer_new(&$0, staging, 0o444, pool, nil)
        }
        self.init(indexer: indexer, objects: objects, repositoryPath: path, staging: staging, budget: budget)
    }

    private init(
        indexer: consuming Handle, objects: consuming Handle, repositoryPath: String, staging: String, budget: Budget
    ) {
        self.indexer = indexer
        self.objects = objects
        progress = .allocate(capacity: 1)
        progress.initialize(to: git_indexer_progress())
        self.repositoryPath = repositoryPath
        self.staging = staging
        self.budget = budget
    }

    deinit {
        progress.deallocate()
        do throws(SystemError) {
            try Directory.open(String(staging.dropLast("/incoming".utf8.count))).removeTree(Array("incoming".utf8))
        } catch {
            // Nobody reads this directory; one that stays makes the next import of this repository fail.
        }
    }

    mutating func append(_ bytes: [UInt8]) throws(GitError) {
        size += bytes.count
        guard size <= budget.bundleBytes else {
            throw GitError(
                .refused, "read", "the received pack", "the pack has more than \(budget.bundleBytes) bytes",
                remedy: GitError.nothingTaken)
        }
        try git("read", "the received pack", code: .refused, remedy: GitError.nothingTaken) {
            git_indexer_append(indexer.pointer, bytes, bytes.count, progress)
        }
    }

    /// Takes what is left of a file.
    mutating func append(rest file: borrowing Descriptor) throws(GitError) {
        while true {
            let piece: [UInt8]
            do throws(SystemError) {
                piece = try file.readSome(upTo: 1 << 16, subject: "the received pack")
            } catch {
                throw GitError(.failed, "read", "the received pack", "\(error.errno)", remedy: "Try again.")
            }
            if piece.isEmpty { return }
            try append(piece)
        }
    }

    /// Finishes the pack, its missing delta bases taken from the repository. The repository's handle then sees its
    /// objects; its files do not change.
    ///
    /// After ``install()`` use a new handle: this one may still look for the pack where it was.
    borrowing func commit() throws(GitError) -> Completed {
        try git("complete", "the received pack", code: .refused, remedy: GitError.nothingTaken) {
            git_indexer_commit(indexer.pointer, progress)
        }
        let name = Self.names(of: indexer)[1]
        let index = "\(staging)/\(name)"
        var backend: UnsafeMutablePointer<git_odb_backend>?
        try git("open", "the received pack") { git_odb_backend_one_pack(&backend, index) }
        // The database owns the backend from here.
        try git("open", "the received pack") { git_odb_add_backend(objects.pointer, backend, 1) }
        return Completed(index: index, pool: objects.pointer, objects: Int(progress.pointee.total_objects))
    }

    /// A finished pack that is not among the repository's objects yet.
    struct Completed {
        /// The path of its index.
        let index: String
        /// The repository's objects, and those of the pack. Lives as long as the pack.
        let pool: OpaquePointer
        /// How many it has.
        let objects: Int
    }

    /// Bytes of the finished pack and its index.
    borrowing func installedSize() throws(GitError) -> UInt64 {
        var sum: UInt64 = 0
        for name in Self.names(of: indexer) {
            do throws(SystemError) { sum += try FileStatus.path("\(staging)/\(name)").size } catch {
                throw GitError(
                    .failed, "measure", "the received pack", "\(error.errno.explanation) (\(error.errno))",
                    remedy: "Try again.")
            }
        }
        return sum
    }

    /// Moves the pack among the repository's objects.
    ///
    /// A pack is named for the objects in it: where one of its name is there with its index, they are there already.
    borrowing func install() throws(GitError) {
        let names = Self.names(of: indexer)
        let isThere = try names.last.map { name throws(GitError) in
            try Self.isThere("\(repositoryPath)/objects/pack/\(name)")
        }
        // The index last: a pack without one is not looked at. gitrepository-layout(5)
        for name in names where isThere == false {
            try Self.system("move", "\"\(staging)/\(name)\"") {
                sp_renameat2(AT_FDCWD, "\(staging)/\(name)", AT_FDCWD, "\(repositoryPath)/objects/pack/\(name)", 0)
            }
        }
        try git("read", "objects of \"\(repositoryPath)\"") { git_odb_refresh(objects.pointer) }
    }

    private static func isThere(_ path: String) throws(GitError) -> Bool {
        do throws(SystemError) {
            _ = try FileStatus.path(path)
            return true
        } catch {
            if error.errno == .noEntry { return false }
            throw GitError(
                .failed, "look at", "\"\(path)\"", "\(error.errno.explanation) (\(error.errno))",
                remedy: "Check its directory.")
        }
    }

    /// The names of pack and index, in the order in which they are moved.
    private static func names(of indexer: borrowing Handle) -> [String] {
        guard let name = git_indexer_name(indexer.pointer) else { return [] }
        let text = String(cString: name)
        return text.isEmpty ? [] : ["pack-\(text).pack", "pack-\(text).idx"]
    }

    private static func system(_ operation: String, _ subject: String, _ call: () -> Int) throws(GitError) {
        do throws(SystemError) {
            try checked(operation, subject, call)
        } catch {
            throw GitError(
                .failed, operation, subject, "\(error.errno.explanation) (\(error.errno))",
                remedy: "Check the free space and the owner of the delivery directory.")
        }
    }
}
