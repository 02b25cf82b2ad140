// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem

/// The repository in a directory that an agent left, as far as its own files tell: where it lies and what it names.
///
/// Nothing of it is obeyed: of all files only `HEAD`, `packed-refs`, `refs`, `objects`, `info/exclude` and the
/// presence of a few others are looked at. What lies elsewhere (a linked working tree, a common directory, borrowed
/// objects) stays there.
package struct LeftRepository: Sendable {
    package enum Layout: String, Sendable {
        case workingTree = "working_tree"
        case bare
    }

    /// A reference that can be taken, and the commit or object it names.
    package typealias Reference = ReferenceText.Reference

    package let layout: Layout
    /// The directory that holds the repository, from the root of what was left.
    package let path: String
    package let head: ReferenceText.Head
    /// By name, loose ones before packed ones.
    package private(set) var references: [Reference]
    /// What the repository asks for and does not get, in words for people.
    package private(set) var notes: [String]
    /// References that are there and name no object: symlinks, symbolic ones, names of another format.
    private var unreadable: Set<[UInt8]> = []
    /// Objects may lie in another repository, which is not read.
    let borrowsObjects: Bool
    /// Files that are not checked out on purpose stay as they were.
    let isSparse: Bool
    /// The text of `info/exclude`.
    let exclusions: [UInt8]

    static let incomplete = "Nothing of it was taken. Look at the repository with git fsck, inside a sandbox."
    private static let mostReferences = 10_000
    private static let longestReferences = 16 << 20
    private static let deepestReference = 32

    /// - Parameter root: The directory itself; its `.git` counts, and without one the directory as a bare repository.
    package init(in root: borrowing LeftDirectory) throws(GitError) {
        let layout = try Self.layout(of: root)
        let path = layout == .bare ? "." : ".git"
        let directory = try Self.reading(path) { () throws(SystemError) in try root.directory(Array(path.utf8)) }
        try Self.refuseOtherPlaces(directory)
        try LeftObjectFiles.check(directory)
        let text = try Self.reading("HEAD") { () throws(SystemError) in try directory.read("HEAD", limit: 4096) }
        guard let text, let head = ReferenceText.head(text) else {
            throw Self.refused("HEAD", text == nil ? "it is not there" : "it names neither a branch nor a commit")
        }
        self.layout = layout
        self.path = path
        self.head = head
        references = []
        notes = []
        isSparse = try Self.has("info/sparse-checkout", in: directory)
        borrowsObjects = try Self.has("objects/info/alternates", in: directory)
        exclusions = try Self.exclusions(in: directory)
        try addReferences(directory)
        if isSparse { notes.append("sparse checkout: files that are not there count as unchanged") }
        if borrowsObjects { notes.append("objects/info/alternates: objects of other repositories were not looked at") }
        for name in Self.unfinished where try Self.has(name, in: directory) {
            notes.append("\(name): git was in the middle of something")
        }
    }

    /// Signs of a merge, a rebase and the like that was not brought to its end.
    private static let unfinished = [
        "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply", "BISECT_LOG",
    ]

    /// What HEAD stands for; nil when its branch has no commit yet.
    package func headCommit() throws(GitError) -> ObjectID? {
        switch head {
        case .commit(let id): return id
        case .reference(let name):
            if unreadable.contains(name) {
                throw Self.refused(
                    PrintableText.escaped(name, longest: 300), "HEAD leads there, and it names no sha1 object")
            }
            return commit(of: name)
        }
    }

    /// What a full name stands for.
    package func commit(of name: [UInt8]) -> ObjectID? { references.first { $0.name == name }?.id }

    private static func layout(of root: borrowing LeftDirectory) throws(GitError) -> Layout {
        let dotGit = try reading(".git") { () throws(SystemError) in try root.status(Array(".git".utf8)) }
        if let dotGit {
            if dotGit.isDirectory { return .workingTree }
            throw refused(
                ".git", dotGit.isSymlink ? "it is a symlink" : "it is a file that sends git to a repository elsewhere",
                "Only a repository within the directory is read.")
        }
        for name in ["HEAD", "objects", "refs"] where try !has(name, in: root) {
            throw refused(
                "the directory", "it has no .git and is no bare repository", "Name the top directory of a working tree."
            )
        }
        return .bare
    }

    /// Parts that lie elsewhere, and formats that are not read.
    private static func refuseOtherPlaces(_ directory: borrowing LeftDirectory) throws(GitError) {
        let reasons = [
            ("commondir", "its repository lies elsewhere", "Only a repository within the directory is read."),
            ("shallow", "it is a shallow clone", "Complete it inside a sandbox: git fetch --unshallow."),
            ("reftable", "its references have the reftable format", "Convert them inside a sandbox: git refs migrate."),
        ]
        for (name, reason, remedy) in reasons where try has(name, in: directory) {
            throw refused("the repository", "\(name): \(reason)", remedy)
        }
    }

    private static func has(_ path: String, in root: borrowing LeftDirectory) throws(GitError) -> Bool {
        let parts = path.split(separator: "/").map { Array($0.utf8) }
        return try reading(path) { () throws(SystemError) in
            guard let status = try root.status(parts[0]) else { return false }
            guard parts.count > 1 else { return true }
            guard status.isDirectory else { return false }
            let rest = try root.directory(parts[0])
            guard parts.count > 2 else { return try rest.status(parts[1]) != nil }
            guard try rest.status(parts[1])?.isDirectory == true else { return false }
            return try rest.directory(parts[1]).status(parts[2]) != nil
        }
    }

    private static func exclusions(in directory: borrowing LeftDirectory) throws(GitError) -> [UInt8] {
        guard try has("info/exclude", in: directory) else { return [] }
        return try reading("info/exclude") { () throws(SystemError) in
            let info = try directory.directory(Array("info".utf8))
            guard let status = try info.status(Array("exclude".utf8)), status.isRegular,
                status.size <= IgnoreRules.longest
            else { return [] }
            return try info.read("exclude", limit: IgnoreRules.longest) ?? []
        }
    }

    private mutating func addReferences(_ directory: borrowing LeftDirectory) throws(GitError) {
        if try Self.has("refs", in: directory) {
            let refs = try Self.reading("refs") { () throws(SystemError) in try directory.directory(Array("refs".utf8))
            }
            try add(refs, below: Array("refs".utf8), depth: 1)
        }
        let packed = try Self.reading("packed-refs") { () throws(SystemError) in
            try directory.read("packed-refs", limit: Self.longestReferences)
        }
        guard let packed else { return }
        guard let list = ReferenceText.packed(packed, most: Self.mostReferences) else {
            throw Self.refused("packed-refs", "it is malformed or names too much")
        }
        let known = Set(references.map(\.name))
        references += list.filter { !known.contains($0.name) && !unreadable.contains($0.name) }
    }

    private mutating func add(_ directory: borrowing LeftDirectory, below path: [UInt8], depth: Int) throws(GitError) {
        let shown = PrintableText.escaped(path, longest: 300)
        guard depth <= Self.deepestReference else { throw Self.refused(shown, "it lies too deep") }
        let names = try Self.reading(shown) { () throws(SystemError) in try directory.names() }
        for name in names {
            let full = path + [0x2F] + name
            guard references.count + unreadable.count < Self.mostReferences else {
                throw Self.refused("refs", "there are too many")
            }
            let status = try Self.reading(shown) { () throws(SystemError) in try directory.status(name) }
            if status?.isDirectory == true {
                let below = try Self.reading(shown) { () throws(SystemError) in try directory.directory(name) }
                try add(below, below: full, depth: depth + 1)
            } else if status?.isRegular == true, let text = try Self.small(name, in: directory),
                let id = ReferenceText.loose(text)
            {
                references.append(Reference(name: full, id: id))
            } else {
                unreadable.insert(full)
            }
        }
    }

    /// A loose reference is one short line; a longer file is none.
    private static func small(_ name: [UInt8], in directory: borrowing LeftDirectory) throws(GitError) -> [UInt8]? {
        try reading(PrintableText.escaped(name, longest: 300)) { () throws(SystemError) -> [UInt8]? in
            let file = try directory.file(name)
            let start = try file.readStart(4096, subject: "a reference")
            return start.count < 4096 ? start : nil
        }
    }

    /// A file of the repository that the kernel does not let us read the way we read is the agent's doing.
    static func reading<Result: ~Copyable>(
        _ path: String, _ body: () throws(SystemError) -> Result
    ) throws(GitError) -> Result {
        do throws(SystemError) {
            return try body()
        } catch {
            throw refused(path, "\(error.errno.explanation) (\(error.errno))")
        }
    }

    static func refused(_ place: String, _ reason: String, _ remedy: String = incomplete) -> GitError {
        GitError(.refused, "collect", place, reason, remedy: remedy)
    }
}
