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

    /// - Throws: ``GitError`` with `.refused` at the first object that may not be there.
    borrowing func check() throws(GitError) {
        var inflated = 0
        for id in try list() {
            let (type, size) = try header(id)
            inflated += size
            guard size <= budget.objectBytes else { throw refused(id, "is larger than \(budget.objectBytes) bytes") }
            guard inflated <= budget.inflatedBytes else {
                throw refused(id, "is past the \(budget.inflatedBytes) bytes that all objects may have together")
            }
            switch type {
            case GIT_OBJECT_BLOB: break
            case GIT_OBJECT_TREE: try checkTree(id)
            case GIT_OBJECT_COMMIT: try checkCommit(id)
            default: throw refused(id, "is neither a commit, a tree nor a blob")
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

    private borrowing func bytes(of id: ObjectID) throws(GitError) -> [UInt8] {
        var raw = id.raw
        let pool = objects.pointer
        let object = try Handle(
            "read", "received object \(id)", code: .refused, remedy: GitError.nothingTaken, free: git_odb_object_free
        ) { git_odb_read(&$0, pool, &raw) }
        return [UInt8](
            UnsafeRawBufferPointer(
                start: git_odb_object_data(object.pointer), count: git_odb_object_size(object.pointer)))
    }

    /// Reads a tree's own bytes: `<octal mode> <name>\0<20 bytes>`, again and again. gitformat-pack(5)
    private borrowing func checkTree(_ id: ObjectID) throws(GitError) {
        let content = TreeContent(try bytes(of: id))
        if let flaw = content.flaw(submodules) { throw refused(id, flaw) }
        for name in content.names() { try requireKnown(name, from: id) }
    }

    /// Reads the lines of a commit that name objects: `tree <id>`, then any number of `parent <id>`.
    private borrowing func checkCommit(_ id: ObjectID) throws(GitError) {
        let lines = try bytes(of: id).split(separator: 0x0A, omittingEmptySubsequences: false)
        func name(_ line: ArraySlice<UInt8>, after word: String) -> ObjectID? {
            line.starts(with: word.utf8)
                ? ObjectID(String(decoding: line.dropFirst(word.utf8.count), as: UTF8.self)) : nil
        }
        guard let first = lines.first, let tree = name(first, after: "tree ") else {
            throw refused(id, "names no tree")
        }
        try requireKnown(tree, from: id)
        for line in lines.dropFirst().prefix(while: { $0.starts(with: "parent ".utf8) }) {
            guard let parent = name(line, after: "parent ") else { throw refused(id, "names a malformed parent") }
            try requireKnown(parent, from: id)
        }
    }

    /// With each object's own names there, everything that is reachable is: what was there before was whole.
    private borrowing func requireKnown(_ name: ObjectID, from id: ObjectID) throws(GitError) {
        var raw = name.raw
        guard git_odb_exists(known, &raw) == 1 else { throw refused(id, "names \(name), which is missing") }
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
