// SPDX-License-Identifier: Apache-2.0
internal import CGit2

/// Writes the objects of a walk as one self-contained pack.
struct PackWriter {
    let repository: OpaquePointer
    let subject: String

    /// Writes what there has to be.
    ///
    /// - Throws: ``GitError`` also when there is nothing to write: a pack of nothing is none. gitformat-pack(5)
    func write(
        walk: borrowing Handle, budget: Budget, code: GitError.Code = .failed,
        remedy: String = "Look at the repository with git fsck.", to write: (UnsafeRawBufferPointer) -> Bool
    ) throws(GitError) {
        guard try writeAny(walk: walk, budget: budget, code: code, remedy: remedy, to: write) else {
            throw GitError(code, "pack", subject, "there is nothing in it", remedy: remedy)
        }
    }

    /// How many objects the commits of a walk lead to, all of which have to be there.
    func count(walk: borrowing Handle) throws(GitError) -> Int {
        let builder = try Handle("count", subject, free: git_packbuilder_free) { git_packbuilder_new(&$0, repository) }
        try git("count", subject, code: .refused, remedy: GitError.nothingTaken) {
            git_packbuilder_insert_walk(builder.pointer, walk.pointer)
        }
        return git_packbuilder_object_count(builder.pointer)
    }

    /// Writes what there may be.
    ///
    /// - Parameters:
    ///   - extra: Objects that no commit reaches.
    ///   - code: Whose fault it is when an object is missing or damaged.
    ///   - write: Gets the pack piece by piece; returns false to give up.
    /// - Returns: False when there is nothing to write, and nothing was.
    func writeAny(
        walk: borrowing Handle, extra: [ObjectID] = [], budget: Budget, code: GitError.Code = .failed,
        remedy: String = "Look at the repository with git fsck.", to write: (UnsafeRawBufferPointer) -> Bool
    ) throws(GitError) -> Bool {
        let builder = try Handle("pack", subject, free: git_packbuilder_free) {
            git_packbuilder_new(&$0, repository)
        }
        git_packbuilder_set_threads(builder.pointer, 0)
        try git("pack", subject, code: code, remedy: remedy) {
            git_packbuilder_insert_walk(builder.pointer, walk.pointer)
        }
        for id in extra {
            var raw = id.raw
            try git("pack", "\(id)", code: code, remedy: remedy) { git_packbuilder_insert(builder.pointer, &raw, nil) }
        }
        if git_packbuilder_object_count(builder.pointer) == 0 { return false }
        guard git_packbuilder_object_count(builder.pointer) <= budget.objects else {
            throw GitError(
                code == .refused ? .refused : .unusableSource, "pack", subject, "more than \(budget.objects) objects",
                remedy: "Use a repository with less history.")
        }
        var sink = PackSink(write: { _ in false })
        let result = withoutActuallyEscaping(write) { write in
            sink.write = write
            defer { sink.write = { _ in false } }
            return withUnsafeMutablePointer(to: &sink) { git_packbuilder_foreach(builder.pointer, packPiece, $0) }
        }
        if sink.isRefused {
            throw GitError(
                .failed, "write", "the pack of \(subject)", "the file refused it",
                remedy: "Check the free space of the delivery directory.")
        }
        try git("pack", subject, code: code, remedy: remedy) { result }
        return true
    }
}

/// Where the pieces go, and whether they were taken.
private struct PackSink {
    var write: (UnsafeRawBufferPointer) -> Bool
    var isRefused = false
}

private func packPiece(_ bytes: UnsafeMutableRawPointer?, _ count: Int, _ payload: UnsafeMutableRawPointer?) -> Int32 {
    guard let payload else { return GIT_EUSER.rawValue }
    let sink = payload.assumingMemoryBound(to: PackSink.self)
    if sink.pointee.write(UnsafeRawBufferPointer(start: bytes, count: count)) { return 0 }
    sink.pointee.isRefused = true
    return GIT_EUSER.rawValue
}
