// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Workspace

/// The steps around the host's copy of an upstream; each confines itself before it opens what is not ours.
extension StepProcess {
    /// The session's repository inside the directory that is made for it.
    static let sessionName = "session.git"

    /// More than a task's own: a whole history of years, from an upstream that the operator chose.
    private static let mirrorBudget: Budget = {
        var budget = Budget()
        budget.objects = 50_000_000
        budget.bundleBytes = 64 << 30
        return budget
    }()

    /// Makes an empty copy where there is none, and clears away what was cut short before.
    func prepareMirror() throws {
        let place = try enterMirror()
        let directory = try Directory.open(place.isEmpty ? "/" : place)
        try directory.removeTree(Array("part.git".utf8))
        if try directory.contains("mirror.git") {
            try MirrorRepository.clear(try directory.directory("mirror.git"))
            return
        }
        try MirrorRepository.create(at: place + "/part.git")
        try checked("rename", "\"\(place)/part.git\"") {
            sp_renameat2(directory.fd.number, "part.git", directory.fd.number, "mirror.git", 1)
        }
    }

    /// Writes the copy's branches and tags to descriptor 3; first makes clones check out the branch of `--head`.
    func listMirror() throws {
        let mirror = try MirrorRepository(at: try enterMirror() + "/mirror.git")
        if let head = optional("--head") { try mirror.setHead(head) }
        try Descriptor(owning: 3).writeAll(try mirror.list().encoded, subject: "the list of references")
    }

    /// Reads an upstream of this host as its owner, and writes to descriptor 3 its branches and tags, and a pack of what
    /// the list on standard input does not reach.
    func readUpstream(_ report: inout StepReport) throws {
        let known = try ReferenceList(from: Descriptor(owning: 0))
        let path = try required("--repo")
        let layout = try RepositoryLayout(path: path)
        try Confinement(readable: layout.readable, identity: try identity()).enter()
        let source = try SourceRepository(layout: layout, path: path)
        let list = try source.list()
        let output = Descriptor(owning: 3)
        try output.writeAll(list.encoded, subject: "the list of references")
        let number = output.number
        let hasPack = try source.pack(list, without: Set(known.references.values), budget: Self.mirrorBudget) {
            Self.write($0, to: number)
        }
        report.add("pack", hasPack ? "yes" : "no")
    }

    /// Takes the list and the pack on standard input into the copy.
    func fillMirror() throws {
        let mirror = try MirrorRepository(at: try enterMirror() + "/mirror.git")
        let input = Descriptor(owning: 0)
        let list = try ReferenceList(from: input)
        try mirror.become(list, pack: input, hasPack: try required("--pack") == "yes", budget: Self.mirrorBudget)
    }

    /// Makes a session's repository from the list on standard input.
    func makeQuarantine() throws {
        let confinement = Confinement(quarantine: try required("--quarantine"), identity: try identity())
        try confinement.enter()
        let list = try ReferenceList(from: Descriptor(owning: 0))
        try Quarantine.create(
            at: confinement.quarantinePath + "/" + Self.sessionName, head: list.head ?? "refs/heads/main",
            references: list.references)
    }

    /// The directory of the copy, which becomes the root where it has an id of its own.
    private func enterMirror() throws(TaskFailure) -> String {
        let confinement = Confinement(quarantine: try required("--quarantine"), identity: try identity())
        try confinement.enter()
        return confinement.quarantinePath
    }
}
