// SPDX-License-Identifier: Apache-2.0
import Foundation
import LinuxSystem
import Testing

@testable import Workspace

@Suite("pushed work")
struct PushedWorkTests {
    /// The host's repository of a task, and a session's own over it, to which one commit was pushed.
    private final class Setting {
        let scratch: Scratch
        let base: ObjectID
        let tip: ObjectID
        static let branch = "refs/heads/agent/one"

        init() throws {
            scratch = try Scratch()
            base = try #require(ObjectID(try scratch.makeRepository()))
            let host = try scratch.makeHost()
            #expect(host.base == base)
            try Quarantine.create(
                at: "\(scratch.path)/session.git", head: "refs/heads/main", references: ["refs/heads/main": base])
            try scratch.write("source/file", Array("two\n".utf8))
            tip = try #require(ObjectID(try scratch.commit("source", "second")))
            let quarantine = try self.quarantine()
            let pack = try scratch.gitBytes(
                "source", ["pack-objects", "--revs", "--stdout", "--quiet"],
                input: Array("\(tip)\n^\(base)\n".utf8))
            var intake = try quarantine.intake(try quarantine.turn(within: 1), budget: Budget())
            try intake.append(pack)
            try intake.check()
            try intake.keep()
            try quarantine.move([.init(reference: Self.branch, old: nil, new: tip)])
        }

        func quarantine() throws -> Quarantine {
            try Quarantine(at: "\(scratch.path)/session.git", sharing: "\(scratch.path)/host.git/objects")
        }

        func read() throws -> PushedWork {
            try PushedWork(
                LeftDirectory(owning: try open("session.git")),
                over: LeftDirectory(owning: try open("host.git/objects")),
                budget: Budget())
        }

        private func open(_ name: String) throws -> Descriptor {
            try Descriptor.open("\(scratch.path)/\(name)", O_RDONLY | O_DIRECTORY)
        }

        /// The bundle of the branch.
        func bundle(since base: ObjectID? = nil) throws -> [UInt8] {
            let work = try read()
            let tip = work.commit(of: Self.branch)
            var bytes: [UInt8] = []
            try work.bundle(try #require(tip), since: base ?? self.base, as: Self.branch) {
                bytes += $0
                return true
            }
            return bytes
        }
    }

    @Test("what was pushed is read over the objects that the session began with, and its bundle is taken in")
    func whole() throws {
        let setting = try Setting()
        let work = try setting.read()
        let names = Set(work.references.map { String(decoding: $0.name, as: UTF8.self) })
        let (tip, none) = (work.commit(of: Setting.branch), work.commit(of: "refs/heads/none"))
        #expect(names == [Setting.branch, "refs/heads/main"] && tip == setting.tip && none == nil)
        try setting.scratch.write("bundle", try setting.bundle())
        let bare = try BareRepository.open(at: "\(setting.scratch.path)/host.git")
        let taken = BundleImport(base: setting.base, reference: Setting.branch, budget: Budget())
        #expect(try taken.run(try setting.scratch.open("bundle"), into: bare) == setting.tip)
        #expect(try setting.scratch.git("host.git", "fsck", "--full", "--strict") == "")
    }

    @Test("a branch that is older than the base has nothing to take")
    func older() throws {
        let setting = try Setting()
        let error = try #require(throws: GitError.self) { try setting.bundle(since: setting.tip) }
        #expect(error.code == .refused)
    }

    /// What a process that was taken over by a pack could do to the session's repository.
    static let damages = [
        ("a pack that is a symlink", "p=$(ls objects/pack/*.pack); mv $p x; ln -s $PWD/x $p"),
        ("a pack that is a FIFO", "p=$(ls objects/pack/*.pack); rm -f $p; mkfifo $p"),
        ("an index that is cut", "i=$(ls objects/pack/*.idx); chmod u+w $i; truncate -s 1000 $i"),
        ("a pack that is cut", "p=$(ls objects/pack/*.pack); chmod u+w $p; truncate -s 20 $p"),
        (
            "a pack with other bytes",
            "p=$(ls objects/pack/*.pack); chmod u+w $p; printf xxxxxxxx | dd of=$p bs=1 seek=20 conv=notrunc status=none"
        ),
        ("an object that is not there", "rm -f objects/pack/*"),
        ("borrowed objects", "mkdir -p objects/info; echo /nowhere >objects/info/alternates"),
        ("a repository in the repository", "mkdir .git; cp -r HEAD refs objects .git"),
        ("another place", "echo ../host.git >commondir"),
        ("no HEAD", "rm HEAD"),
    ]

    @Test("a repository that is not as the host and its broker made it is refused", arguments: damages)
    func damaged(_ what: String, _ script: String) throws {
        let setting = try Setting()
        let shell = Process()
        shell.executableURL = URL(fileURLWithPath: "/bin/sh")
        shell.arguments = ["-euc", "cd \"$1\"; \(script)", "sh", "\(setting.scratch.path)/session.git"]
        try shell.run()
        shell.waitUntilExit()
        try #require(shell.terminationStatus == 0)
        let error = try #require(throws: GitError.self, "\(what)") { try setting.bundle() }
        #expect(error.code == .refused, "\(what): \(error)")
    }
}
