// SPDX-License-Identifier: Apache-2.0
internal import CGit2

/// The objects that lie in a repository, without those of a pack that is still on its way into it.
struct KnownObjects: ~Copyable {
    private let objects: Handle

    init(of bare: borrowing BareRepository) throws(GitError) {
        let path = bare.path + "/objects"
        // Not the repository's own handle: an import adds its pack to that.
        objects = try Handle("open", "\"\(path)\"", free: git_odb_free) { git_odb_open(&$0, path) }
    }

    borrowing func contains(_ id: ObjectID) -> Bool {
        var raw = id.raw
        return git_odb_exists(objects.pointer, &raw) == 1
    }
}
