// SPDX-License-Identifier: Apache-2.0
import Documents
import LinuxSystem
import TestSupport
import Testing
import Wire
import Workspace

extension GitBroker {
    /// What git's own client can push, and what it prints where it cannot.
    @Suite("git broker, push", .requires(.root), .requires(.git))
    struct GitBrokerPushTests {
        /// A broker, and a clone with one new commit on the branch agent/one.
        private struct Setting {
            let scene: BrokerScene
            let work: BrokerScene.Repository
            let first: String

            init(
                scope: String = "refs/heads/agent/*", packBytes: UInt64 = 64 << 20, repositoryBytes: UInt64 = 256 << 20
            )
                throws
            {
                scene = try BrokerScene(scope: scope, packBytes: packBytes, repositoryBytes: repositoryBytes) {
                    upstream in
                    for number in 0..<3 {
                        try upstream.write("file", "\(number)\n")
                        try upstream.commit("commit \(number)")
                    }
                    try upstream.git("tag", "v1")
                }
                work = try scene.clone()
                try work.git("checkout", "--quiet", "-b", "agent/one")
                try work.write("mine", "1\n")
                first = try work.commit("mine 1")
            }

            /// Pushes the branch for the first time.
            func pushFirst() throws {
                let done = try work.push("agent/one")
                try #require(done.code == 0, "\(done.errorText)")
            }

            func branches() throws -> [String: String] {
                try scene.references().filter { $0.key.hasPrefix("refs/heads/agent") }
            }

            /// Expects a push to fail with this text, and to have changed nothing.
            func refused(_ text: String, _ arguments: [String], sourceLocation: SourceLocation = #_sourceLocation)
                throws
            {
                let before = try scene.references()
                let done = try work.client(["push", "origin"] + arguments)
                #expect(done.code != 0, sourceLocation: sourceLocation)
                #expect(done.errorText.contains(text), "\(done.errorText)", sourceLocation: sourceLocation)
                #expect(try scene.references() == before, sourceLocation: sourceLocation)
            }
        }

        @Test("a new branch, one that goes on, and a merge", .timeLimit(.minutes(25)))
        func ordinary() throws {
            let setting = try Setting()
            let work = setting.work
            try setting.pushFirst()
            #expect(try setting.branches() == ["refs/heads/agent/one": setting.first])
            try work.write("mine", "2\n")
            let second = try work.commit("mine 2")
            #expect(try work.push("agent/one").code == 0)
            #expect(try setting.branches() == ["refs/heads/agent/one": second])
            try work.git("checkout", "--quiet", "-b", "side", "origin/main")
            try work.write("side", "1\n")
            try work.commit("side")
            try work.git("checkout", "--quiet", "agent/one")
            try work.git("merge", "--quiet", "--no-ff", "-m", "merge", "side")
            let merged = try work.git("rev-parse", "HEAD")
            let done = try work.push("agent/one", "side:agent/deep/er")
            #expect(done.code == 0, "\(done.errorText)")
            #expect(try setting.branches()["refs/heads/agent/one"] == merged)
            #expect(try setting.branches().count == 2)
            let totals = try setting.scene.close()
            #expect(totals.pushes == 3 && totals.refusedPushes == 0 && totals.failures == 0, "\(totals)")
            let lines = try setting.scene.ledger.filter { $0["event"] == "git.push" }
            #expect(lines.count == 3)
            #expect(lines[0]["commands"]?.arrayValue?.first?["new"]?.stringValue == setting.first)
        }

        @Test("six megabytes in chunks, from a client that asks first", .timeLimit(.minutes(25)))
        func large() throws {
            let setting = try Setting()
            try setting.work.write("noise", bytes: try noise(6 << 20))
            let id = try setting.work.commit("noise")
            let done = try setting.work.client(["-c", "http.postBuffer=65536", "push", "origin", "agent/one"])
            #expect(done.code == 0, "\(done.errorText)")
            #expect(try setting.branches() == ["refs/heads/agent/one": id])
            #expect(try setting.scene.close().pushes == 1)
            let line = try #require(try setting.scene.ledger.first { $0["event"] == "git.push" })
            #expect((line["bytes_up"]?.intValue ?? 0) > 6 << 20)
        }

        @Test("from a shallow clone, whose history ends early", .timeLimit(.minutes(25)))
        func shallow() throws {
            let setting = try Setting()
            let shallow = try setting.scene.clone("shallow", "--depth", "1")
            try shallow.git("checkout", "--quiet", "-b", "agent/shallow")
            try shallow.write("mine", "1\n")
            let id = try shallow.commit("mine")
            let done = try shallow.push("agent/shallow")
            #expect(done.code == 0, "\(done.errorText)")
            #expect(try setting.branches() == ["refs/heads/agent/shallow": id])
        }

        @Test("a commit that the server has, as a new branch and as a fast-forward", .timeLimit(.minutes(25)))
        func known() throws {
            let setting = try Setting()
            let work = setting.work
            let old = try work.git("rev-parse", "origin/main~2")
            let new = try work.git("rev-parse", "origin/main")
            let made = try work.push("origin/main~2:refs/heads/agent/five")
            #expect(made.code == 0, "\(made.errorText)")
            #expect(try setting.branches() == ["refs/heads/agent/five": old])
            let moved = try work.push("origin/main:refs/heads/agent/five")
            #expect(moved.code == 0, "\(moved.errorText)")
            #expect(try setting.branches() == ["refs/heads/agent/five": new])
        }

        @Test("a thin pack, whose bases only the host has", .timeLimit(.minutes(25)))
        func thin() throws {
            let setting = try Setting()
            let text = (0..<20000).map { "line \($0)\n" }.joined()
            try setting.work.write("big", text)
            try setting.work.commit("big")
            try setting.pushFirst()
            try setting.work.write("big", text + "one more\n")
            let id = try setting.work.commit("bigger")
            let done = try setting.work.push("--thin", "agent/one")
            #expect(done.code == 0, "\(done.errorText)")
            #expect(try setting.branches() == ["refs/heads/agent/one": id])
            let second = try setting.scene.clone("second", "--branch", "agent/one")
            #expect(try second.git("rev-parse", "HEAD") == id)
        }

        @Test("a repository with submodules can be pushed to", .timeLimit(.minutes(25)))
        func submodules() throws {
            let scene = try BrokerScene { upstream in
                try upstream.git(
                    "update-index", "--add", "--cacheinfo", "160000,1234567890123456789012345678901234567890,sub")
                try upstream.git("commit", "--quiet", "-m", "submodule")
            }
            let work = try scene.clone()
            try work.git("checkout", "--quiet", "-b", "agent/one")
            try work.write("mine", "1\n")
            try work.git("add", "mine")
            try work.git("commit", "--quiet", "-m", "mine")
            let done = try work.push("agent/one")
            #expect(done.code == 0, "\(done.errorText)")
        }

        @Test("no more than is left of the session's share, its index included", .timeLimit(.minutes(25)))
        func room() throws {
            let setting = try Setting(packBytes: 4 << 20, repositoryBytes: 5 << 20)
            try setting.work.write("noise", bytes: try noise(3 << 20))
            try setting.work.commit("noise")
            try setting.pushFirst()
            try setting.work.write("noise", bytes: try noise(3 << 20))
            try setting.work.commit("more")
            try setting.refused("the session's repository is full", ["agent/one"])
            let packs = "\(setting.scene.quarantine)/objects/pack"
            let size = try names(packs).map { try FileStatus.path("\(packs)/\($0)").size }.reduce(0, +)
            #expect(size < 5 << 20 && size > 3 << 20)
            // What fits is taken.
            try setting.work.git("reset", "--quiet", "--hard", "HEAD^")
            try setting.work.write("small", "1\n")
            let id = try setting.work.commit("small")
            #expect(try setting.work.push("agent/one").code == 0)
            #expect(try setting.branches() == ["refs/heads/agent/one": id])
        }

        /// Bytes that nothing compresses.
        private func noise(_ count: Int) throws -> [UInt8] {
            try Command("/usr/bin/head", ["-c", "\(count)", "/dev/urandom"]).run().output
        }

        // MARK: Refused

        @Test(
            "branches outside the prefix", .timeLimit(.minutes(25)),
            arguments: [
                ("agent/one:main", "agent/one -> main (only refs/heads/agent/* may be pushed)"),
                ("HEAD:refs/tags/v2", "HEAD -> v2 (only refs/heads/agent/* may be pushed)"),
                ("HEAD:refs/tags/v1", "! [rejected]        HEAD -> v1 (already exists)"),
                ("HEAD:refs/heads/agentx", "HEAD -> agentx (only refs/heads/agent/* may be pushed)"),
                ("HEAD:refs/notes/x", "(only refs/heads/agent/* may be pushed)"),
            ])
        func outside(_ refspec: String, _ text: String) throws {
            try Setting().refused(text, [refspec])
        }

        @Test("a name that is none is refused by git itself, before it speaks to anybody", .timeLimit(.minutes(25)))
        func lock() throws {
            let setting = try Setting()
            let requests = try setting.scene.ledger.count
            try setting.refused(
                "fatal: invalid refspec 'HEAD:refs/heads/agent/x.lock/y'", ["HEAD:refs/heads/agent/x.lock/y"])
            #expect(try setting.scene.ledger.count == requests)
        }

        @Test("a good one beside a bad one", .timeLimit(.minutes(25)))
        func mixed() throws {
            let setting = try Setting()
            for options in [[], ["--atomic"]] {
                try setting.refused(
                    "agent/one -> agent/two (refused with the rest of this push)",
                    options + ["agent/one:agent/two", "agent/one:main"])
            }
            let totals = try setting.scene.close()
            #expect(totals.refusedPushes == 2 && totals.pushes == 0, "\(totals)")
        }

        @Test("history rewritten, by every way to say so", .timeLimit(.minutes(25)))
        func rewritten() throws {
            let setting = try Setting()
            try setting.pushFirst()
            try setting.work.git("commit", "--quiet", "--amend", "-m", "mine again")
            try setting.refused("(non-fast-forward)", ["agent/one"])
            let remote = "! [remote rejected] agent/one -> agent/one (not a fast-forward)"
            try setting.refused(remote, ["-f", "agent/one"])
            try setting.refused(remote, ["--force-with-lease", "agent/one"])
            try setting.refused(remote, ["+agent/one"])
            // Back to an older commit, which the host has: nothing is sent, and still nothing moves.
            try setting.refused("(not a fast-forward)", ["-f", "origin/main~1:agent/one"])
        }

        @Test("deletion", .timeLimit(.minutes(25)))
        func deletion() throws {
            let setting = try Setting()
            try setting.pushFirst()
            try setting.refused("! [remote rejected] agent/one (a branch may not be deleted)", [":agent/one"])
            try setting.refused(
                "! [remote rejected] main (only refs/heads/agent/* may be pushed)", ["--delete", "main"])
        }

        @Test("push options and signatures", .timeLimit(.minutes(25)))
        func extras() throws {
            let setting = try Setting()
            try setting.refused("does not support push options", ["-o", "ci.skip", "agent/one"])
            try setting.refused("does not support --signed push", ["--signed=yes", "agent/one"])
        }

        @Test("a branch that moved meanwhile", .timeLimit(.minutes(25)))
        func moved() throws {
            let setting = try Setting()
            try setting.pushFirst()
            let second = try setting.scene.clone("second", "--branch", "agent/one")
            try second.write("theirs", "1\n")
            let theirs = try second.commit("theirs")
            #expect(try second.push("agent/one").code == 0)
            try setting.work.write("mine", "2\n")
            try setting.work.commit("mine 2")
            try setting.refused("(fetch first)", ["agent/one"])
            #expect(try setting.branches() == ["refs/heads/agent/one": theirs])
        }

        @Test("a session that may not push at all, and one that may push one branch", .timeLimit(.minutes(25)))
        func scopes() throws {
            let none = try Setting(scope: "")
            try none.refused("(this session may not push)", ["agent/one"])
            let one = try Setting(scope: "refs/heads/agent/one")
            try one.refused("(only refs/heads/agent/one may be pushed)", ["agent/one:agent/two"])
            try one.pushFirst()
        }

        @Test("too large a pack, and a repository that is full", .timeLimit(.minutes(25)))
        func limits() throws {
            let setting = try Setting(packBytes: 1 << 20, repositoryBytes: 3 << 19)
            try setting.work.write("noise", bytes: try noise(3 << 20))
            try setting.work.commit("noise")
            try setting.refused("the pack has more than 1048576 bytes", ["agent/one"])
            try setting.work.git("reset", "--quiet", "--hard", setting.first)
            try setting.work.write("noise", bytes: try noise(900_000))
            try setting.work.commit("noise")
            try setting.pushFirst()
            try setting.work.write("noise", bytes: try noise(900_000))
            try setting.work.commit("more noise")
            try setting.refused("the session's repository is full", ["agent/one"])
            // What was cut short left nothing behind.
            #expect(names("\(setting.scene.quarantine)/objects") == ["info", "pack"])
        }

        @Test("trees that act on whoever checks them out", .timeLimit(.minutes(25)))
        func trees() throws {
            let setting = try Setting()
            let blob = try setting.work.git("hash-object", "-w", "mine")
            for (mode, name) in [("100644", ".GIT"), ("100644", "git~1"), ("120000", ".gitmodules")] {
                let entry = "\(mode) blob \(blob)\t\(name)\n"
                let tree = try setting.work.client(["mktree"], input: Array(entry.utf8)).text.prefix(40)
                let commit = try setting.work.git("commit-tree", "-p", "HEAD", "-m", "trick", String(tree))
                try setting.refused("remote unpack failed", ["\(commit):refs/heads/agent/one"])
            }
        }

        @Test("a pack that lacks what its commit names", .timeLimit(.minutes(25)))
        func incomplete() throws {
            let setting = try Setting()
            let parent = String(repeating: "ab", count: 20)
            let tree = try setting.work.git("rev-parse", "HEAD^{tree}")
            let text = "tree \(tree)\nparent \(parent)\nauthor a <a@b> 0 +0000\ncommitter a <a@b> 0 +0000\n\nx\n"
            let commit = try setting.work.client(
                ["hash-object", "-t", "commit", "-w", "--stdin"], input: Array(text.utf8)
            ).text.prefix(40)
            let pack = try setting.work.client(["pack-objects", "--stdout"], input: Array(commit.utf8)).output
            let lines =
                "\(PushLines.zeros) \(commit) refs/heads/agent/one\0report-status"
            let answer = try setting.scene.exchange(PushLines.request([lines], pack: pack))
            #expect(answer.contains("ng refs/heads/agent/one"), "\(answer)")
            #expect(try setting.branches() == [:])
        }
    }
}

/// Requests of a push by hand.
enum PushLines {
    static let zeros = String(repeating: "0", count: 40)

    static func line(_ text: String) -> [UInt8] { line(Array(text.utf8)) }

    static func line(_ bytes: [UInt8]) -> [UInt8] {
        let digits = String(bytes.count + 4, radix: 16)
        return Array((String(repeating: "0", count: 4 - digits.count) + digits).utf8) + bytes
    }

    /// A POST with these lines, a flush and a pack.
    static func request(_ lines: [String], pack: [UInt8]) -> [UInt8] {
        let body = lines.flatMap { line($0) } + Array("0000".utf8) + pack
        return post("git-receive-pack", body)
    }

    static func post(_ service: String, _ body: [UInt8], _ fields: String = "") -> [UInt8] {
        let head =
            "POST /owner/name.git/\(service) HTTP/1.1\r\nHost: git.internal\r\n\(fields)"
            + "Content-Type: application/x-\(service)-request\r\nContent-Length: \(body.count)\r\n\r\n"
        return Array(head.utf8) + body
    }
}
