// SPDX-License-Identifier: Apache-2.0
internal import CGit2

/// Looks at every object of a received pack, reachable or not: its kind, its size, what it names.
struct ReceivedObjects: ~Copyable {
    private let objects: Handle
    private let budget: Budget
    private let submodules: TreeEntryRule.Submodules
    /// Where every object that a received one names has to be.
    private let known: OpaquePointer

    /// - Parameter pack: Must outlive this; nothing else is in this object database.
    init(_ pack: IncomingPack.Completed, budget: Budget, submodules: TreeEntryRule.Submodules = .refused)
        throws(GitError)
    {
        let opened = try Handle("open", "the received pack", free: git_odb_free) { git_odb_new(&$0) }
        let pool = opened.pointer
        let index = pack.index
        var backend: UnsafeMutablePointer<git_odb_backend>?
        try git("open", "the received pack") { git_odb_backend_one_pack(&backend, index) }
        // The database owns the backend from here.
        try git("open", "the received pack") { git_odb_add_backend(pool, backend, 1) }
        self.budget = budget
        self.submodules = submodules
        known = pack.pool
        objects = opened
    }

    /// Looks at every object, and that everything it names is there.
    ///
    /// - Throws: ``GitError`` with `.refused` at the first object that may not be there.
    borrowing func check() throws(GitError) { try check(try list()) { _ in } }

    /// The same for a pack that is there for one commit and brings nothing beside its history.
    ///
    /// - Parameter isKnown: Whether the repository has an object without this pack.
    borrowing func check(for tip: ObjectID, isKnown: (ObjectID) throws(GitError) -> Bool) throws(GitError) {
        let all = try list()
        // What no other object of the pack names. A name is a digest, so names make no circle: whoever follows them back from
        // any object ends at one that nobody names, and if that can only be the tip, everything is reachable from it.
        var unnamed = Set(all)
        unnamed.remove(tip)
        try check(all) { unnamed.remove($0) }
        // Bases of differences are added to a pack that came without them; the repository has those already.
        for id in unnamed where try !isKnown(id) {
            throw refused(id, "is no part of the history of \(tip)")
        }
    }

    private borrowing func check(_ all: [ObjectID], named: (ObjectID) -> Void) throws(GitError) {
        var inflated = 0
        for id in all {
            let (type, size) = try header(id)
            inflated += size
            guard size <= budget.objectBytes else { throw refused(id, "is larger than \(budget.objectBytes) bytes") }
            guard inflated <= budget.inflatedBytes else {
                throw refused(id, "is past the \(budget.inflatedBytes) bytes that all objects may have together")
            }
            let names: [ObjectID]
            switch type {
            case GIT_OBJECT_BLOB: continue
            case GIT_OBJECT_TREE: names = try self.names(inTree: id)
            case GIT_OBJECT_COMMIT: names = try self.names(inCommit: id)
            default: throw refused(id, "is neither a commit, a tree nor a blob")
            }
            for name in names {
                // With each object's own names there, everything that is reachable is: what was there before was whole.
                var raw = name.raw
                guard git_odb_exists(known, &raw) == 1 else { throw refused(id, "names \(name), which is missing") }
                named(name)
            }
        }
    }

    private borrowing func list() throws(GitError) -> [ObjectID] {
        var list = IdentifierList(limit: budget.objects)
        let pool = objects.pointer
        let result = withUnsafeMutablePointer(to: &list) { git_odb_foreach(pool, collect, $0) }
        guard !list.isOver else {
            throw GitError(
                .refused, "take", "the received pack", "more than \(budget.objects) objects",
                remedy: GitError.nothingTaken)
        }
        try git("list", "the received pack", code: .refused, remedy: GitError.nothingTaken) { result }
        return list.ids
    }

    private borrowing func header(_ id: ObjectID) throws(GitError) -> (type: git_object_t, size: Int) {
        var raw = id.raw
        var size = 0
        var type = GIT_OBJECT_INVALID
        let pool = objects.pointer
        try git("read", "received object \(id)", code: .refused, remedy: GitError.nothingTaken) {
            git_odb_read_header(&size, &type, pool, &raw)
        }
        return (type, size)
    }

    /// Judges a tree's own bytes: `<octal mode> <name>\0<20 bytes>`, again and again. gitformat-pack(5)
    private borrowing func names(inTree id: ObjectID) throws(GitError) -> [ObjectID] {
        let content = TreeContent(try read(id))
        if let flaw = content.flaw(submodules) { throw refused(id, flaw) }
        // A submodule's commit is another repository's.
        return content.entries()?.filter { !$0.isSubmodule }.map(\.id) ?? []
    }

    private borrowing func names(inCommit id: ObjectID) throws(GitError) -> [ObjectID] {
        guard let links = CommitText.links(try read(id)) else { throw refused(id, "names no tree as git writes it") }
        return links
    }

    private borrowing func read(_ id: ObjectID) throws(GitError) -> [UInt8] {
        var raw = id.raw
        let pool = objects.pointer
        let object = try Handle(
            "read", "received object \(id)", code: .refused, remedy: GitError.nothingTaken, free: git_odb_object_free
        ) { git_odb_read(&$0, pool, &raw) }
        return [UInt8](
            UnsafeRawBufferPointer(
                start: git_odb_object_data(object.pointer), count: git_odb_object_size(object.pointer)))
    }

    private func refused(_ id: ObjectID, _ reason: String) -> GitError {
        GitError(.refused, "take", "the received pack", "object \(id) \(reason)", remedy: GitError.nothingTaken)
    }
}

private struct IdentifierList {
    var ids: [ObjectID] = []
    let limit: Int
    var isOver = false

    init(limit: Int) { self.limit = limit }
}

private func collect(_ id: UnsafePointer<git_oid>?, _ payload: UnsafeMutableRawPointer?) -> Int32 {
    guard let id, let payload else { return GIT_EUSER.rawValue }
    let list = payload.assumingMemoryBound(to: IdentifierList.self)
    guard list.pointee.ids.count < list.pointee.limit else {
        list.pointee.isOver = true
        return GIT_EUSER.rawValue
    }
    list.pointee.ids.append(ObjectID(id.pointee))
    return 0
}
