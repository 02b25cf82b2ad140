// SPDX-License-Identifier: Apache-2.0
internal import CGit2

extension ObjectID {
    init(_ id: git_oid) {
        self = withUnsafeBytes(of: id.id) { ObjectID(bytes: $0) }
    }

    /// For libgit2; the text was checked when this value was made.
    var raw: git_oid {
        var id = git_oid()
        git_oid_fromstr(&id, description)
        return id
    }
}
