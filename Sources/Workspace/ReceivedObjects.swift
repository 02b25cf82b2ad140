// SPDX-License-Identifier: Apache-2.0
internal import CGit2

/// Looks at every object of a received pack, reachable or not.
struct ReceivedObjects: ~Copyable {
    private let objects: Handle
    private let budget: Budget
    private let submodules: TreeEntryRule.Submodules

    /// - Parameter index: Path of the pack's index; nothing else is in this object database.
    init(index: String, budget: Budget, submodules: TreeEntryRule.Submodules = .refused) throws(GitError) {
        let opened = try Handle("open", "the received pack", free: git_odb_free) { git_odb_new(&$0) }
        let pool = opened.pointer
        var backend: UnsafeMutablePointer<git_odb_backend>?
        try git("open", "the received pack") { git_odb_backend_one_pack(&backend, index) }
        // The database owns the backend from here.
        try git("open", "the received pack") { git_odb_add_backend(pool, backend, 1) }
        self.budget = budget
        self.submodules = submodules
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
            if type == GIT_OBJECT_TREE {
                try checkTree(id)
            } else if type != GIT_OBJECT_COMMIT && type != GIT_OBJECT_BLOB {
                throw refused(id, "is neither a commit, a tree nor a blob")
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

    /// Reads a tree's own bytes: `<octal mode> <name>\0<20 bytes>`, again and again. gitformat-pack(5)
    private borrowing func checkTree(_ id: ObjectID) throws(GitError) {
        var raw = id.raw
        let pool = objects.pointer
        let object = try Handle(
            "read", "received tree \(id)", code: .refused, remedy: GitError.nothingTaken, free: git_odb_object_free
        ) { git_odb_read(&$0, pool, &raw) }
        let bytes = [UInt8](
            UnsafeRawBufferPointer(
                start: git_odb_object_data(object.pointer), count: git_odb_object_size(object.pointer)))
        if let flaw = TreeContent(bytes).flaw(submodules) { throw refused(id, flaw) }
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
