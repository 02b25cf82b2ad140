// SPDX-License-Identifier: Apache-2.0
internal import CGit2
package import LinuxSystem

/// The host's copy of an upstream: bare, without a configuration of its own, and never written by a session.
///
/// Nothing is ever removed from it but references that the upstream does not have any more, so a session that began
/// with one goes on.
package struct MirrorRepository: ~Copyable {
    private let bare: BareRepository

    package static func create(at path: String) throws(GitError) {
        let bare = try BareRepository.create(at: path)
        _ = bare.path
    }

    /// Removes what git and libgit2 leave behind when they are killed: locks of references, which would keep everybody else
    /// out for ever, and packs that are no packs yet.
    ///
    /// Precondition: nobody else is at work in it.
    package static func clear(_ repository: borrowing Directory) throws(SystemError) {
        try repository.removeTree(Array("incoming".utf8))
        for place in ["objects/pack", "objects"] {
            let directory = try repository.directory(place)
            for name in try directory.names() where name.starts(with: "tmp_".utf8) { try directory.removeTree(name) }
        }
        try Leftovers.clearPacks(repository)
        try Leftovers.clearLocks(repository)
        try Leftovers.clearReferenceLocks(repository)
    }

    package init(at path: String) throws(GitError) { bare = try BareRepository.open(at: path) }

    /// What a session that starts now finds.
    package borrowing func list() throws(GitError) -> ReferenceList {
        var list = ReferenceList(head: nil, references: [:])
        for name in try bare.references() where ReferenceList.isTaken(name) {
            list.references[name] = try bare.target(of: name)
        }
        let head = try Handle("read", "HEAD of \"\(bare.path)\"", free: git_reference_free) {
            git_reference_lookup(&$0, bare.repository.pointer, "HEAD")
        }
        if let target = git_reference_symbolic_target(head.pointer) { list.head = String(cString: target) }
        return list
    }

    /// Makes clones check out this branch.
    package borrowing func setHead(_ name: String) throws(GitError) { try bare.setHead(name) }

    /// Takes the pack that follows a list, and becomes what the list says.
    ///
    /// - Parameter hasPack: False when everything is here already.
    package borrowing func become(_ list: ReferenceList, pack: borrowing Descriptor, hasPack: Bool, budget: Budget)
        throws(GitError)
    {
        if hasPack {
            var incoming = try IncomingPack(into: bare, budget: budget)
            try incoming.append(rest: pack)
            _ = try incoming.commit()
            try incoming.install()
        }
        let repository = bare.repository.pointer
        // Removals first: what was a branch may be a directory of branches now.
        for name in try bare.references() where list.references[name] == nil {
            try git("remove", name) { git_reference_remove(repository, name) }
        }
        for (name, id) in list.references {
            var raw = id.raw
            let made = try Handle("set", name, free: git_reference_free) {
                git_reference_create(&$0, repository, name, &raw, 1, nil)
            }
            _ = made.pointer
        }
        if let head = list.head { try setHead(head) }
    }
}

extension SourceRepository {
    /// Its branches and tags.
    package borrowing func list() throws(GitError) -> ReferenceList {
        let repository = self.repository.pointer
        var names = git_strarray()
        try git("list", "references", code: .unusableSource) { git_reference_list(&names, repository) }
        defer { git_strarray_dispose(&names) }
        var list = ReferenceList(head: nil, references: [:])
        for index in 0..<names.count {
            guard let text = names.strings[index].map({ String(cString: $0) }), ReferenceList.isTaken(text) else {
                continue
            }
            var id = git_oid()
            try git("resolve", text, code: .unusableSource) { git_reference_name_to_id(&id, repository, text) }
            list.references[text] = ObjectID(id)
        }
        if git_repository_head_detached(repository) == 0 {
            let head = try Handle("read", "HEAD", code: .unusableSource, free: git_reference_free) {
                git_reference_lookup(&$0, repository, "HEAD")
            }
            list.head = git_reference_symbolic_target(head.pointer).map { String(cString: $0) }.flatMap {
                ReferenceList.isTaken($0) ? $0 : nil
            }
        }
        return list
    }

    /// Writes a pack of everything that a list reaches and `known` does not. False when that is nothing.
    package borrowing func pack(
        _ list: ReferenceList, without known: Set<ObjectID>, budget: Budget, write: (UnsafeRawBufferPointer) -> Bool
    ) throws(GitError) -> Bool {
        let repository = self.repository.pointer
        let subject = "the repository's history"
        let walk = try Handle("walk", subject, code: .unusableSource, free: git_revwalk_free) {
            git_revwalk_new(&$0, repository)
        }
        var tags: [ObjectID] = []
        for id in Set(list.references.values).subtracting(known) {
            tags += try tagChain(id)
            var raw = try peeled(id)
            try git("walk", "\(id)", code: .unusableSource) { git_revwalk_push(walk.pointer, &raw) }
        }
        for id in known {
            var raw = id.raw
            // What the upstream does not have any more is no help, and no harm.
            var object: OpaquePointer?
            guard git_object_lookup(&object, repository, &raw, GIT_OBJECT_ANY) == 0, let object else { continue }
            git_object_free(object)
            raw = try peeled(id)
            try git("walk", "\(id)", code: .unusableSource) { git_revwalk_hide(walk.pointer, &raw) }
        }
        return try PackWriter(repository: repository, subject: subject).writeAny(
            walk: walk, extra: tags, budget: budget, to: write)
    }

    /// An annotated tag, and what it names as long as that is one.
    private borrowing func tagChain(_ id: ObjectID) throws(GitError) -> [ObjectID] {
        var chain: [ObjectID] = []
        var next = id
        while chain.count < 16 {
            var raw = next.raw
            var tag: OpaquePointer?
            guard git_tag_lookup(&tag, repository.pointer, &raw) == 0, let tag else { break }
            chain.append(next)
            if let target = git_tag_target_id(tag) { next = ObjectID(target.pointee) }
            git_tag_free(tag)
        }
        return chain
    }

    private borrowing func peeled(_ id: ObjectID) throws(GitError) -> git_oid {
        var raw = id.raw
        let object = try Handle("read", "\(id)", code: .unusableSource, free: git_object_free) {
            git_object_lookup(&$0, repository.pointer, &raw, GIT_OBJECT_ANY)
        }
        let commit = try Handle(
            "use", "\(id)", code: .unusableSource, remedy: "Remove the tag that names no commit.", free: git_object_free
        ) { git_object_peel(&$0, object.pointer, GIT_OBJECT_COMMIT) }
        return git_object_id(commit.pointer).pointee
    }
}
