// SPDX-License-Identifier: Apache-2.0
import Glibc
import Isolation
import LinuxSystem
import Policy
import Supervisor
import TestSupport
import Testing

/// Profiles kept from one start to the next: the same as read anew, and never older than their files.
@Suite("profile cache")
struct ProfileCacheTests {
    /// Two profiles, one of which extends the other, and a runtime directory of one's own.
    private final class Scene {
        let scratch: Scratch
        let files: ProfileFiles
        let cache: ProfileCache

        init() throws {
            scratch = try Scratch()
            try scratch.directory("profiles")
            let runtime = try scratch.directory("run")
            files = ProfileFiles(shipped: scratch.at("profiles"))
            cache = ProfileCache(files, HostPaths(runtime: runtime, state: scratch.at("state")))
            try write("cache-base", Self.base)
            try write("cache-child", "version: 1\nextends: [cache-base]\nreason: narrower\nlimits: {pids: 20}\n")
        }

        func write(_ name: String, _ text: String) throws {
            try scratch.file("profiles/\(name).yaml", text)
            #expect(chmod(scratch.at("profiles/\(name).yaml"), 0o644) == 0)
        }

        var entries: [String] {
            get throws {
                try Directory.open(scratch.at("run")).names().map { String(decoding: $0, as: UTF8.self) }
            }
        }

        /// What reading the files says, as far as the cache holds it.
        func read(_ name: String) throws -> Profile {
            var profile = try files.load(name)
            profile.origins = [:]
            return profile
        }

        static let base = """
            version: 1
            reason: for a test
            rootfs: host
            filesystem: {writable: [/workspace, /tmp], read_only: [/usr, /etc], deny: [/usr/games], workspace: read-write}
            syscalls: {allow_groups: [default], deny: [ptrace]}
            environment: {pass: [LANG], set: {CI: "1", EMPTY: ""}}
            landlock: waived
            landlock_reason: a test of every key
            limits: {enforcement: cgroup, pids: 50, memory: 2GiB, shm: 64MiB, tmp: 256MiB, workspace_bytes: 512MiB,
              workspace_inodes: 2000, open_files: 256, cpu: 1.5, log_bytes: 1MiB, wall: 5m}
            egress: {direct_ip: prohibit, rules: []}

            """
    }

    @Test("a profile comes back as it was, with all it extends", arguments: ["cache-base", "cache-child"])
    func same(name: String) throws {
        let scene = try Scene()
        let wanted = try scene.read(name)
        let first = try scene.cache.load(name)
        #expect(!first.origins.isEmpty, "read from its files")
        #expect(try scene.entries.count == 1)
        let second = try scene.cache.load(name)
        #expect(second.origins.isEmpty, "taken from the cache")
        #expect(second == wanted)
        #expect(second.limits.pids == (name == "cache-base" ? 50 : 20))
    }

    @Test("a changed file, also one that is only extended, is read anew", arguments: ["cache-base", "cache-child"])
    func changed(name: String) throws {
        let scene = try Scene()
        _ = try scene.cache.load(name)
        #expect(try scene.cache.load(name).limits.memoryBytes == 2 << 30, "control")
        try scene.write("cache-base", Scene.base.replacing("memory: 2GiB", with: "memory: 3GiB"))
        #expect(try scene.cache.load(name).limits.memoryBytes == 3 << 30)
        #expect(try scene.cache.load(name).origins.isEmpty, "kept again")
        #expect(try scene.entries.count == 1)
    }

    @Test("a file that others can write is refused although its entry is good")
    func untrustedSource() throws {
        let scene = try Scene()
        _ = try scene.cache.load("cache-child")
        #expect(chmod(scene.scratch.at("profiles/cache-base.yaml"), 0o666) == 0)
        let error = #expect(throws: PolicyError.self) { try scene.cache.load("cache-child") }
        #expect(error?.message.contains("cannot trust profile") == true, "\(String(describing: error))")
    }

    @Test("an entry that this program did not write is an error, not a miss")
    func tampered() throws {
        let scene = try Scene()
        _ = try scene.cache.load("cache-base")
        let entry = scene.scratch.at("run/\(try #require(try scene.entries.first))")
        let bytes = try Descriptor.open(entry, O_RDONLY).readAll(limit: 1 << 20, subject: entry)
        var changed = bytes
        changed[changed.count - 1] ^= 1
        try Descriptor.create(entry).writeAll(changed, subject: entry)
        #expect(throws: PolicyError.self) { try scene.cache.load("cache-base") }
        try Descriptor.create(entry).writeAll(bytes, subject: entry)
        #expect(try scene.cache.load("cache-base").origins.isEmpty, "control")
        #expect(chmod(entry, 0o622) == 0)
        let error = #expect(throws: PolicyError.self) { try scene.cache.load("cache-base") }
        #expect(error?.message.contains("cannot trust compiled profile") == true, "\(String(describing: error))")
    }

    @Test("a runtime directory that others can write keeps nothing")
    func openDirectory() throws {
        let scene = try Scene()
        #expect(chmod(scene.scratch.at("run"), 0o777) == 0)
        _ = try scene.cache.load("cache-base")
        #expect(try scene.entries.isEmpty)
        #expect(try !scene.cache.load("cache-base").origins.isEmpty)
    }

    @Test("a profile with more to it than the form holds has no compiled form")
    func egress() throws {
        let scene = try Scene()
        #expect(try scene.files.resolve("cache-base").compiled() != nil, "control")
        let rules = "rules: [{host: example.org, ports: [443], reason: a test}]"
        try scene.write("cache-base", Scene.base.replacing("rules: []", with: rules))
        let profile = try scene.files.resolve("cache-base")
        #expect(profile.egress.rules.count == 1)
        #expect(profile.compiled() == nil)
    }
}

extension String {
    fileprivate func replacing(_ part: String, with other: String) -> String {
        guard let range = ranges(of: part).first else { return self }
        return String(self[..<range.lowerBound]) + other + String(self[range.upperBound...])
    }
}
