// SPDX-License-Identifier: Apache-2.0
internal import CGit2

/// The objects of a repository that an agent left, and in memory those that are made of its working tree.
///
/// Only loose objects and packs are read, by ``LeftStore``. libgit2 opens no file of the repository: no configuration, index,
/// alternate, commit graph, replacement or reference of it, and no pack.
struct LeftObjects: ~Copyable {
    private let objects: Handle
    /// A repository that is nothing but these objects, for calls that want one.
    let repository: Handle
    private let budget: Budget

    /// - Parameter stores: Where the objects lie; each is looked through before the next.
    init(_ stores: LeftStore..., budget: Budget) throws(GitError) {
        let opened = try Handle("open", "the left objects", free: git_odb_free) { git_odb_new(&$0) }
        let pool = opened.pointer
        var backend: UnsafeMutablePointer<git_odb_backend>?
        // The database owns each backend from here. What is written goes to the first, which is memory.
        try git("make", "an object store in memory") { git_mempack_new(&backend) }
        try git("make", "an object store in memory") { git_odb_add_backend(pool, backend, 9) }
        for (place, store) in stores.enumerated() {
            try git("open", "the left objects") {
                git_odb_add_backend(pool, LeftBackend.make(store), Int32(8 - place))
            }
        }
        let wrapped = try Handle("use", "the left objects", free: git_repository_free) {
            git_repository_wrap_odb(&$0, pool)
        }
        let none = try Handle("make", "an empty configuration", free: git_config_free) { git_config_new(&$0) }
        try git("use", "an empty configuration") { git_repository_set_config(wrapped.pointer, none.pointer) }
        objects = opened
        repository = wrapped
        self.budget = budget
    }

    /// The bytes of an object of one type.
    borrowing func read(_ id: ObjectID, _ type: git_object_t) throws(GitError) -> [UInt8] {
        var raw = id.raw
        var size = 0
        var found = GIT_OBJECT_INVALID
        try git("read", "object \(id)", code: .refused, remedy: LeftRepository.incomplete) {
            git_odb_read_header(&size, &found, objects.pointer, &raw)
        }
        guard found == type, size <= budget.objectBytes else {
            throw GitError(
                .refused, "read", "object \(id)",
                found == type ? "it is larger than \(budget.objectBytes) bytes" : "it is not what its user says",
                remedy: LeftRepository.incomplete)
        }
        let object = try Handle(
            "read", "object \(id)", code: .refused, remedy: LeftRepository.incomplete, free: git_odb_object_free
        ) { git_odb_read(&$0, objects.pointer, &raw) }
        return [UInt8](
            UnsafeRawBufferPointer(
                start: git_odb_object_data(object.pointer), count: git_odb_object_size(object.pointer)))
    }

    /// The bytes of a blob; nil when it is larger than `limit`.
    borrowing func small(_ id: ObjectID, limit: Int) throws(GitError) -> [UInt8]? {
        try size(of: id) <= limit ? try read(id, GIT_OBJECT_BLOB) : nil
    }

    /// How many bytes a blob says it has.
    borrowing func size(of id: ObjectID) throws(GitError) -> Int {
        var raw = id.raw
        var size = 0
        var type = GIT_OBJECT_INVALID
        try git("read", "object \(id)", code: .refused, remedy: LeftRepository.incomplete) {
            git_odb_read_header(&size, &type, objects.pointer, &raw)
        }
        guard type == GIT_OBJECT_BLOB else {
            throw GitError(
                .refused, "read", "object \(id)", "it is not what its user says", remedy: LeftRepository.incomplete)
        }
        return size
    }

    borrowing func contains(_ id: ObjectID) -> Bool {
        var raw = id.raw
        return git_odb_exists(objects.pointer, &raw) == 1
    }

    /// Keeps an object in memory.
    borrowing func write(_ bytes: [UInt8], _ type: git_object_t) throws(GitError) -> ObjectID {
        var id = git_oid()
        try git("keep", "an object of the working tree", remedy: "Report this.") {
            git_odb_write(&id, objects.pointer, bytes, bytes.count, type)
        }
        return ObjectID(id)
    }

    /// The tree of a commit.
    borrowing func tree(of commit: ObjectID) throws(GitError) -> ObjectID {
        let bytes = try read(commit, GIT_OBJECT_COMMIT)
        guard bytes.starts(with: "tree ".utf8),
            let id = ObjectID(String(decoding: bytes.dropFirst(5).prefix(40), as: UTF8.self))
        else {
            throw GitError(
                .refused, "read", "commit \(commit)", "it names no tree", remedy: LeftRepository.incomplete)
        }
        return id
    }

    borrowing func entries(of tree: ObjectID) throws(GitError) -> [TreeContent.Entry] {
        guard let entries = TreeContent(try read(tree, GIT_OBJECT_TREE)).entries() else {
            throw GitError(.refused, "read", "tree \(tree)", "it is malformed", remedy: LeftRepository.incomplete)
        }
        return entries
    }
}
