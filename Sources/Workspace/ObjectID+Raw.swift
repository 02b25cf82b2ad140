// SPDX-License-Identifier: Apache-2.0
internal import CGit2

extension ObjectID {
    init(_ id: git_oid) {
        var id = id
        var digits = [CChar](repeating: 0, count: 41)
        git_oid_tostr(&digits, digits.count, &id)
        self.init(checked: String(decoding: digits.prefix(40).map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }

    /// For libgit2; the text was checked when this value was made.
    var raw: git_oid {
        var id = git_oid()
        git_oid_fromstr(&id, description)
        return id
    }
}
