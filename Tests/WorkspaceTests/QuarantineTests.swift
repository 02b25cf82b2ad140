// SPDX-License-Identifier: Apache-2.0
import Foundation
import LinuxSystem
import Testing

@testable import Workspace

@Suite("mirrors and quarantines")
struct QuarantineTests {
    /// A source, the host's copy of it, and a session's repository over that.
    private final class Setting {
        let scratch: Scratch
        let first: ObjectID
        let second: ObjectID

        init() throws {
            scratch = try Scratch()
            first = try #require(ObjectID(try scratch.makeRepository()))
            try scratch.write("source/file", Array("two\n".utf8))
            second = try #require(ObjectID(try scratch.commit("source", "second")))
            try scratch.git("source", "tag", "-a", "v1", "-m", "a tag")
            try MirrorRepository.create(at: "\(scratch.path)/mirror.git")
            try fill()
        }

        /// Brings the copy up to date, and returns how many bytes of pack that took.
        @discardableResult
        func fill() throws -> Int {
            let mirror = try MirrorRepository(at: "\(scratch.path)/mirror.git")
            let source = try scratch.source()
            let list = try source.list()
            var pack: [UInt8] = []
            let known = Set(try mirror.list().references.values)
            let hasPack = try source.pack(list, without: known, budget: Budget()) {
                pack += $0
                return true
            }
            #expect(hasPack == !pack.isEmpty)
            try scratch.write("pack", pack)
            try mirror.become(list, pack: try scratch.open("pack"), hasPack: hasPack, budget: Budget())
            return pack.count
        }

        func quarantine() throws -> Quarantine {
            if !scratch.exists("session.git") {
                let list = try MirrorRepository(at: "\(scratch.path)/mirror.git").list()
                try Quarantine.create(
                    at: "\(scratch.path)/session.git", head: try #require(list.head), references: list.references)
            }
            return try Quarantine(at: "\(scratch.path)/session.git", sharing: "\(scratch.path)/mirror.git/objects")
        }
    }

    @Test("a copy has the branches and tags of its upstream, and takes only what is new")
    func fills() throws {
        let setting = try Setting()
        let mirror = try MirrorRepository(at: "\(setting.scratch.path)/mirror.git")
        #expect(try mirror.list() == (try setting.scratch.source().list()))
        #expect(try mirror.list().head == "refs/heads/main")
        #expect(try setting.scratch.git("mirror.git", "fsck", "--full") == "")
        #expect(try setting.fill() == 0)
        try setting.scratch.write("source/large", (0..<100_000).map { _ in UInt8.random(in: 0...255) })
        try setting.scratch.commit("source", "third")
        try setting.scratch.git("source", "branch", "other")
        #expect(try setting.fill() > 100_000)
        try setting.scratch.write("source/file", Array("four\n".utf8))
        try setting.scratch.commit("source", "fourth")
        try setting.scratch.git("source", "branch", "-D", "other")
        try setting.scratch.git("source", "branch", "other/one")
        // The large file does not come again, and the branch is gone.
        #expect(try setting.fill() < 2_000)
        let list = try MirrorRepository(at: "\(setting.scratch.path)/mirror.git").list()
        #expect(list == (try setting.scratch.source().list()))
        #expect(Set(list.references.keys) == ["refs/heads/main", "refs/heads/other/one", "refs/tags/v1"])
        #expect(try setting.scratch.git("mirror.git", "fsck", "--full") == "")
    }

    @Test("nothing of the upstream's configuration, hooks and other references comes along")
    func onlyHistory() throws {
        let setting = try Setting()
        try setting.scratch.git("source", "config", "core.fsmonitor", "touch /tmp/no")
        try setting.scratch.git("source", "update-ref", "refs/pull/1/head", "HEAD")
        try setting.scratch.write("source/.git/hooks/post-upload-pack", Array("#!/bin/sh\n".utf8))
        try setting.fill()
        #expect(!(try setting.scratch.git("mirror.git", "config", "--list", "--local").contains("fsmonitor")))
        #expect(try setting.scratch.git("mirror.git", "for-each-ref", "refs/pull") == "")
        let hooks = setting.scratch.exists("mirror.git/hooks") ? try setting.scratch.names("mirror.git/hooks") : []
        #expect(hooks.allSatisfy { $0.hasSuffix(".sample") }, "\(hooks)")
    }

    @Test("a session's repository begins with the copy's references and none of its objects")
    func begins() throws {
        let setting = try Setting()
        let quarantine = try setting.quarantine()
        #expect(try quarantine.references()["refs/heads/main"] == setting.second)
        #expect(try quarantine.size() == 0)
        #expect(try setting.scratch.names("session.git/objects/pack").isEmpty)
        // No path of the host is written down in it.
        #expect(!setting.scratch.exists("session.git/objects/info/alternates"))
    }

    @Test("a branch moves forward only, and only from where it was thought to be")
    func moves() throws {
        let setting = try Setting()
        let quarantine = try setting.quarantine()
        let (first, second) = (setting.first, setting.second)
        #expect(try quarantine.flaw(moving: nil, to: second) == nil)
        #expect(try quarantine.flaw(moving: first, to: second) == nil)
        #expect(try quarantine.flaw(moving: first, to: first) == nil)
        #expect(try quarantine.flaw(moving: second, to: first) == "not a fast-forward")
        let stranger = try #require(ObjectID(String(repeating: "1", count: 40)))
        #expect(try quarantine.flaw(moving: nil, to: stranger) != nil)
        let tag = try #require(ObjectID(try setting.scratch.git("source", "rev-parse", "v1")))
        #expect(try quarantine.flaw(moving: nil, to: tag) != nil)
        let name = "refs/heads/agent/x"
        try quarantine.move([.init(reference: name, old: nil, new: first)])
        #expect(throws: GitError.self) { try quarantine.move([.init(reference: name, old: nil, new: second)]) }
        try quarantine.move([.init(reference: name, old: first, new: second)])
        #expect(try quarantine.references()[name] == second)
        // One that cannot move keeps the others where they are.
        #expect(throws: GitError.self) {
            try quarantine.move([
                .init(reference: "refs/heads/agent/y", old: nil, new: first),
                .init(reference: name, old: first, new: second),
            ])
        }
        #expect(try quarantine.references()["refs/heads/agent/y"] == nil)
        #expect(
            try setting.scratch.git("session.git", "for-each-ref", "--format=%(refname)", "refs/heads/agent") == name)
    }

    @Test("a turn clears away what one before left, and lets nobody in beside it")
    func turns() throws {
        let setting = try Setting()
        let quarantine = try setting.quarantine()
        try setting.scratch.makeDirectory("session.git/objects/incoming/deep")
        try setting.scratch.write("session.git/objects/incoming/deep/file", [1])
        let turn = try quarantine.turn(within: 1)
        #expect(!setting.scratch.exists("session.git/objects/incoming"))
        let second = try setting.quarantine()
        #expect(throws: GitError.self) { _ = try second.turn(within: 1) }
        _ = consume turn
        _ = try second.turn(within: 1)
    }
}
