// SPDX-License-Identifier: Apache-2.0
internal import CGit2

/// Writes the objects of a walk as one self-contained pack.
struct PackWriter {
    let repository: OpaquePointer
    let subject: String

    /// - Parameters:
    ///   - extra: Objects that no commit reaches.
    ///   - write: Gets the pack piece by piece; returns false to give up.
    /// - Returns: False when there is nothing to write, and nothing was.
    @discardableResult
    func write(
        walk: borrowing Handle, extra: [ObjectID] = [], budget: Budget, to write: (UnsafeRawBufferPointer) -> Bool
    ) throws(GitError) -> Bool {
        let builder = try Handle("pack", subject, free: git_packbuilder_free) {
            git_packbuilder_new(&$0, repository)
        }
        git_packbuilder_set_threads(builder.pointer, 0)
        try git("pack", subject) { git_packbuilder_insert_walk(builder.pointer, walk.pointer) }
        for id in extra {
            var raw = id.raw
            try git("pack", "\(id)") { git_packbuilder_insert(builder.pointer, &raw, nil) }
        }
        if git_packbuilder_object_count(builder.pointer) == 0 { return false }
        guard git_packbuilder_object_count(builder.pointer) <= budget.objects else {
            throw GitError(
                .unusableSource, "pack", subject, "more than \(budget.objects) objects",
                remedy: "Use a repository with less history.")
        }
        let result = withoutActuallyEscaping(write) { write in
            withUnsafePointer(to: write) { pointer in
                git_packbuilder_foreach(builder.pointer, packPiece, UnsafeMutableRawPointer(mutating: pointer))
            }
        }
        try git("write", "the pack of \(subject)", remedy: "Check the free space of the delivery directory.") { result }
        return true
    }
}

private func packPiece(_ bytes: UnsafeMutableRawPointer?, _ count: Int, _ payload: UnsafeMutableRawPointer?) -> Int32 {
    guard let payload else { return GIT_EUSER.rawValue }
    let write = payload.assumingMemoryBound(to: ((UnsafeRawBufferPointer) -> Bool).self).pointee
    return write(UnsafeRawBufferPointer(start: bytes, count: count)) ? 0 : GIT_EUSER.rawValue
}
