// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing
import Wire
import Workspace

extension GitBroker {
    /// What git's own clients get from a session's repository.
    @Suite("git broker, clone and fetch", .requires(.root), .requires(.git))
    struct GitBrokerFetchTests {
        private func scene() throws -> BrokerScene {
            try BrokerScene { upstream in
                try upstream.write("large", bytes: (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 7) })
                try upstream.commit("second")
                try upstream.git("tag", "-a", "v1", "-m", "a tag")
                try upstream.git("branch", "other", "HEAD~1")
                try upstream.write("file", "three\n")
                try upstream.commit("third")
            }
        }

        @Test(
            "a clone in either protocol has all that the upstream has", .timeLimit(.minutes(25)), arguments: [0, 1, 2])
        func clone(_ version: Int) throws {
            let scene = try scene()
            let work = try scene.clone("work", "-c", "protocol.version=\(version)")
            #expect(try work.git("log", "--format=%s") == "third\nsecond\nfirst")
            #expect(try work.git("rev-parse", "v1^{commit}", "origin/other").split(separator: "\n").count == 2)
            #expect(try work.git("fsck", "--full", "--strict") == "")
            let totals = try scene.close()
            #expect(totals.fetches >= 2 && totals.failures == 0 && totals.refusedRequests == 0, "\(totals)")
            let versions = try scene.ledger.filter { $0["event"] == "git.fetch" }.map { $0["version"]?.intValue }
            #expect(versions.allSatisfy { $0 == (version == 2 ? 2 : 0) } && versions.count == Int(totals.fetches))
        }

        @Test("shallow and partial clones, and what they fetch later", .timeLimit(.minutes(25)), arguments: [0, 2])
        func shallow(_ version: Int) throws {
            let scene = try scene()
            let option = "protocol.version=\(version)"
            let shallow = try scene.clone("shallow", "-c", option, "--depth", "1")
            #expect(try shallow.git("rev-list", "--count", "HEAD") == "1")
            try shallow.git("fetch", "--quiet", "--deepen", "1")
            #expect(try shallow.git("rev-list", "--count", "HEAD") == "2")
            try shallow.git("fetch", "--quiet", "--unshallow")
            #expect(try shallow.git("rev-list", "--count", "HEAD") == "3")
            let partial = try scene.clone("partial", "-c", option, "--filter=blob:none", "--no-checkout")
            let missing = try partial.git("rev-list", "--objects", "--missing=print", "--all")
            #expect(missing.contains("?"))
            // Its missing objects come one by one when they are needed.
            try partial.git("checkout", "--quiet", "main")
            #expect(try partial.git("status", "--porcelain") == "")
            let totals = try scene.close()
            #expect(totals.failures == 0 && totals.refusedRequests == 0, "\(totals)")
            // Each answer was whole, so git's program ended as it should.
            #expect(try scene.ledger.allSatisfy { $0["reason"] == nil })
        }

        @Test("a filter that walks as much as a client likes is refused by git's own words", .timeLimit(.minutes(25)))
        func filters() throws {
            let scene = try scene()
            let work = BrokerScene.Repository(path: scene.scratch.at("none"), scratch: scene.scratch, port: scene.port)
            let done = try work.client(
                ["clone", "--quiet", "--filter=sparse:oid=main:file", BrokerScene.url, work.path], inside: false)
            #expect(done.code != 0 && done.errorText.contains("filter 'sparse:oid' not supported"), "\(done.errorText)")
        }

        @Test("a fetch of many references is compressed, and understood", .timeLimit(.minutes(25)))
        func compressed() throws {
            let scene = try BrokerScene { upstream in
                for number in 0..<200 { try upstream.git("update-ref", "refs/heads/topic/\(number)", "HEAD") }
                for number in 0..<40 {
                    try upstream.write("file", "\(number)\n")
                    let id = try upstream.commit("commit \(number)")
                    try upstream.git("update-ref", "refs/heads/topic/\(number)", id)
                }
            }
            let work = try scene.clone("work", "-c", "protocol.version=0", "--single-branch", "--branch", "topic/3")
            try work.git("fetch", "--quiet", "origin", "+refs/heads/*:refs/remotes/origin/*")
            #expect(try work.git("for-each-ref", "refs/remotes/origin").split(separator: "\n").count >= 201)
            #expect(try scene.close().refusedRequests == 0)
        }

        @Test("an empty repository can be cloned", .timeLimit(.minutes(25)))
        func empty() throws {
            let scene = try BrokerScene { upstream in try upstream.git("update-ref", "-d", "refs/heads/main") }
            let work = try scene.clone()
            #expect(try work.client(["rev-parse", "HEAD"]).code != 0)
            try work.write("file", "one\n")
            try work.git("checkout", "--quiet", "-b", "agent/first")
            let id = try work.commit("first")
            let done = try work.push("agent/first")
            #expect(done.code == 0, "\(done.errorText)")
            #expect(try scene.references() == ["refs/heads/agent/first": id])
        }

        @Test("what was pushed is fetched again, by the same session", .timeLimit(.minutes(25)))
        func ownPushes() throws {
            let scene = try scene()
            let work = try scene.clone()
            try work.git("checkout", "--quiet", "-b", "agent/one")
            try work.write("mine", "mine\n")
            let id = try work.commit("mine")
            #expect(try work.push("agent/one").code == 0)
            try work.git("fetch", "--quiet", "--prune")
            #expect(try work.git("rev-parse", "origin/agent/one") == id)
            let second = try scene.clone("second", "--branch", "agent/one")
            #expect(try second.git("rev-parse", "HEAD") == id)
            #expect(try second.git("fsck", "--full") == "")
            // The host's copy has nothing of it.
            #expect(!(try BareRepository.open(at: scene.mirror).references().contains("refs/heads/agent/one")))
        }
    }
}
