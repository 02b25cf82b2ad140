// SPDX-License-Identifier: Apache-2.0
import Foundation
import Policy
import Testing

@Suite("system call filter")
struct FilterSpecificationTests {
    static func filter(_ profile: String) throws -> FilterSpecification {
        try Profile.load(name: profile, source: ProfileFixtures.source()).syscalls.filter
    }

    @Test("decides every system call as the golden file says", arguments: ProfileFixtures.shipped)
    func golden(profile: String) throws {
        let filter = try Self.filter(profile)
        #expect(SyscallTable.names.count == 384)
        let text = SyscallTable.names.map { name in
            let decision = filter.decision(for: name)?.text ?? filter.defaultAction.text
            return "\(name): \(decision)\n"
        }.joined()
        let url = ProfileFixtures.repository.appendingPathComponent("Tests/PolicyTests/Goldens/\(profile).syscalls")
        if ProcessInfo.processInfo.environment["SALLYPORT_REWRITE_GOLDENS"] == "1" {
            try Data(text.utf8).write(to: url)
        }
        #expect(try String(contentsOf: url, encoding: .utf8) == text)
    }

    @Test("each name stands in exactly one table, and each is a system call")
    func tables() {
        let lists = [
            SyscallGroup.ordinary.names, SyscallGroup.debugOwnChildren.names, Array(ArgumentTables.ordinary.keys),
            Array(SyscallRefusals.recorded), Array(SyscallRefusals.probes),
        ]
        let all = lists.flatMap { $0 }
        #expect(Set(all).count == all.count)
        #expect(Set(all) == Set(SyscallTable.names))
        for group in SyscallGroup.allCases { #expect(group.names == group.names.sorted()) }
        for name in SyscallRefusals.neededToStart { #expect(all.contains(name), "\(name)") }
    }

    @Test("numbers and names lead to each other")
    func numbers() {
        for (name, number) in [("read", 0), ("seccomp", 317), ("rseq", 334), ("io_uring_setup", 425), ("mseal", 462)] {
            #expect(SyscallTable.number(of: name) == number)
            #expect(SyscallTable.name(of: number) == name)
        }
        for number in [-1, 337, 423, 471, 0x4000_0000] { #expect(SyscallTable.name(of: number) == nil) }
        for name in SyscallTable.names {
            #expect(SyscallTable.number(of: name).flatMap { SyscallTable.name(of: $0) } == name)
        }
    }

    struct Call: Sendable, CustomTestStringConvertible {
        var name: String
        var arguments: [UInt64]
        var action: SyscallAction
        init(_ name: String, _ arguments: [UInt64], _ action: SyscallAction) {
            self.name = name
            self.arguments = arguments
            self.action = action
        }
        var testDescription: String {
            "\(name)(\(arguments.map { "0x" + String($0, radix: 16) }.joined(separator: ", ")))"
        }
    }

    static let enosys = SyscallAction.errno(38)
    static let eprotonosupport = SyscallAction.errno(93)
    static let einval = SyscallAction.errno(22)
    static let enoprotoopt = SyscallAction.errno(92)
    static let eafnosupport = SyscallAction.errno(97)

    static let calls: [Call] = [
        .init("read", [0, 0, 0], .allow), .init("execve", [], .allow), .init("no_such_call", [], enosys),
        .init("clone3", [], enosys), .init("io_uring_setup", [], enosys), .init("io_uring_enter", [], enosys),
        .init("mount", [], .notify), .init("open_tree", [], .notify), .init("unshare", [0], .notify),
        .init("setns", [], .notify), .init("bpf", [], .notify), .init("keyctl", [], .notify),
        .init("ptrace", [], .notify), .init("userfaultfd", [], .notify),
        // fork, a thread, and each namespace flag
        .init("clone", [17], .allow), .init("clone", [0x3D_0F00], .allow),
        .init("clone", [17 | 0x1000_0000], .notify), .init("clone", [17 | 0x0002_0000], .notify),
        .init("clone", [17 | 0x4000_0000], .notify), .init("clone", [0x7E02_0000], .notify),
        // the low word decides
        .init("ioctl", [0, 0x5401], .allow), .init("ioctl", [0, 0x5412], .notify),
        .init("ioctl", [0, 0x541C], .notify),
        .init("ioctl", [0, 0x1_0000_5412], .notify), .init("ioctl", [0, 0xFFFF_FFFF_0000_541C], .notify),
        .init("ioctl", [0, 0xFFFF_FFFF_8004_5430], .allow), .init("ioctl", [0x5412, 0x5413], .allow),
        .init("personality", [0], .allow), .init("personality", [8], .allow),
        .init("personality", [0xFFFF_FFFF], .allow), .init("personality", [.max], .allow),
        .init("personality", [0x004_0000], .notify), .init("personality", [0x040_0000], .notify),
        .init("personality", [0x002_0000], .notify), .init("personality", [0x1_0004_0000], .notify),
        // a filter of one's own, a listener, and the questions
        .init("seccomp", [1, 0, 1], einval), .init("seccomp", [1, 1, 1], einval), .init("seccomp", [1, 8, 1], .notify),
        .init("seccomp", [1, 0x19, 1], .notify), .init("seccomp", [0x1_0000_0001, 0, 1], einval),
        .init("seccomp", [0, 0, 0], .allow), .init("seccomp", [2, 0, 1], .allow), .init("seccomp", [3, 0, 1], .allow),
        .init("prctl", [22, 2, 1], einval), .init("prctl", [0x1_0000_0016, 2, 1], einval),
        .init("prctl", [22, 1], .allow), .init("prctl", [38, 1], .allow), .init("prctl", [38, 2], .allow),
        .init("setsockopt", [3, 1, 26], enoprotoopt), .init("setsockopt", [3, 1, 50], enoprotoopt),
        .init("setsockopt", [3, 1, 51], enoprotoopt), .init("setsockopt", [3, 0x1_0000_0001, 52], enoprotoopt),
        .init("setsockopt", [3, 1, 9], .allow), .init("setsockopt", [3, 6, 26], .allow),
        .init("setsockopt", [3, 6, 31], enoprotoopt), .init("setsockopt", [3, 6, 1], .allow),
        .init("mknod", [0, 0o100644], .allow), .init("mknod", [0, 0o010644], .allow),
        .init("mknod", [0, 0o644], .allow),
        .init("mknod", [0, 0o140644], .allow), .init("mknod", [0, 0o020644], .notify),
        .init("mknod", [0, 0o060644], .notify), .init("mknodat", [0, 0, 0o020000], .notify),
        .init("mknodat", [0, 0o020000, 0o100000], .allow),
        .init("ioprio_set", [1, 0, 0x4004], .allow), .init("ioprio_set", [1, 0, 0x2000], .notify),
        .init("socket", [1, 1, 0], .allow), .init("socket", [1, 0x80805, 0], .allow),
        .init("socket", [2, 1, 0], .allow), .init("socket", [2, 0x80801, 6], .allow),
        .init("socket", [10, 2, 17], .allow),
        .init("socket", [10, 0x802, 0], .allow), .init("socket", [2, 1, 17], eprotonosupport),
        .init("socket", [2, 2, 6], eprotonosupport), .init("socket", [2, 3, 0], eprotonosupport),
        .init("socket", [2, 1, 132], eprotonosupport), .init("socket", [2, 1, 262], eprotonosupport),
        .init("socket", [10, 5, 132], eprotonosupport), .init("socket", [2, 2, 0x1_0000_0000], eprotonosupport),
        .init("socket", [16, 3, 0], .allow), .init("socket", [16, 3, 9], eprotonosupport),
        .init("socket", [16, 3, 15], eprotonosupport), .init("socket", [16, 3, 64], eprotonosupport),
        .init("socket", [17, 3, 0], eafnosupport), .init("socket", [38, 5, 0], eafnosupport),
        .init("socket", [40, 1, 0], eafnosupport), .init("socket", [0, 0, 0], eafnosupport),
        .init("socket", [44, 3, 0], eafnosupport), .init("socket", [0x1_0000_0001, 1, 0], eafnosupport),
        // F_DUPFD, F_SETLK, F_GETLEASE, F_DUPFD_CLOEXEC, and a lease however it is written
        .init("fcntl", [3, 0], .allow), .init("fcntl", [3, 6], .allow), .init("fcntl", [3, 0x401], .allow),
        .init("fcntl", [3, 0x406], .allow), .init("fcntl", [3, 0x400], .errno(22)),
        .init("fcntl", [0x400, 1], .allow), .init("fcntl", [3, 0x1_0000_0400], .errno(22)),
        .init("mmap", [0, 4096, 3, 0x22], .allow), .init("mmap", [0x4_0000, 0x4_0000, 3, 0x2_0022], .allow),
        .init("mmap", [0, 1, 3, 0x4_0022], .errno(12)), .init("mmap", [0, 1, 3, 0x5404_0001], .errno(12)),
        .init("memfd_create", [0, 3], .allow), .init("memfd_create", [0, 4], .errno(22)),
        .init("memfd_create", [0, 0x5400_0005], .errno(22)),
        // SO_REUSEADDR, TCP_QUICKACK's neighbours at another level, and what brings a program into the kernel
        .init("setsockopt", [3, 1, 2], .allow), .init("setsockopt", [3, 6, 26], .allow),
        .init("setsockopt", [3, 41, 51], .allow), .init("setsockopt", [26, 1, 25], .allow),
        .init("sync", [], .errno(0)), .init("syncfs", [3], .errno(0)), .init("fsync", [3], .allow),
        .init("io_setup", [1, 0], enosys), .init("io_submit", [], enosys),
        .init("socketpair", [1, 1, 0], .allow), .init("socketpair", [30, 1, 0], eafnosupport),
        .init("socketpair", [2, 1, 0], eafnosupport),
    ]

    @Test("decides by arguments under strict", arguments: calls)
    func arguments(_ c: Call) throws {
        #expect(try Self.filter("strict").evaluate(c.name, c.arguments) == c.action)
    }

    @Test("debugging is allowed by its group alone", arguments: SyscallGroup.debugOwnChildren.names)
    func debugging(name: String) throws {
        #expect(try Self.filter("strict").evaluate(name) == .notify)
        #expect(try Self.filter("build").evaluate(name) == .allow)
    }

    @Test("a denied name is refused and recorded whatever its arguments")
    func denial() {
        let filter = FilterSpecification(SyscallPolicy(allowGroups: [.ordinary], deny: ["socket", "sync", "clone3"]))
        for name in ["socket", "sync", "clone3"] {
            #expect(filter.evaluate(name, [1, 1, 0]) == .notify)
            #expect(filter.rules.filter { $0.name == name } == [SyscallRule(name: name, action: .notify)])
        }
    }

    @Test("rules can be given to libseccomp: one comparison an argument, none with the default action")
    func expressible() throws {
        for profile in ProfileFixtures.shipped {
            let filter = try Self.filter(profile)
            #expect(filter.rules.count > 300)
            #expect(filter.rules.count < 1000)
            for rule in filter.rules {
                #expect(rule.action != filter.defaultAction)
                #expect(Set(rule.conditions.map { $0.index }).count == rule.conditions.count)
                #expect(rule.conditions.allSatisfy { $0.op == .eq || !$0.width32 })
            }
        }
    }

    @Test("exactly one rule matches any call, and says what the decision says", arguments: 0..<4)
    func disjoint(seed: Int) throws {
        let filter = try Self.filter("build")
        let byName = Dictionary(grouping: filter.rules) { $0.name }
        let interesting: [UInt64] =
            Self.calls.flatMap { $0.arguments } + [0, 1, 63, 64, 65, .max, 1 << 32, 0xFFFF_FFFF]
        var random = SplitMix(state: UInt64(seed) &+ 77)
        var actions: Set<SyscallAction> = []
        for (name, rules) in byName {
            for _ in 0..<(rules.count > 1 ? 3000 : 3) {
                let arguments = (0..<6).map { _ -> UInt64 in
                    let base = interesting[Int.random(in: 0..<interesting.count, using: &random)]
                    let flipped = base ^ (UInt64(1) << UInt64.random(in: 0..<64, using: &random))
                    return Bool.random(using: &random) ? base : flipped
                }
                let matching = rules.filter { $0.matches(arguments) }
                actions.formUnion(matching.map { $0.action })
                #expect(matching.count == 1, "\(name) \(arguments)")
                #expect(matching.first?.action == filter.evaluate(name, arguments), "\(name) \(arguments)")
            }
        }
        #expect(
            actions == [
                .allow, .notify, .errno(0), .errno(12), Self.eprotonosupport, Self.eafnosupport, Self.einval,
                Self.enoprotoopt,
            ])
    }

    @Test("the same filter has the same identity and text, another one has others")
    func canonical() throws {
        let strict = try Self.filter("strict")
        let build = try Self.filter("build")
        #expect(try Self.filter("review").identity == strict.identity)
        #expect(try Self.filter("review").canonicalText == strict.canonicalText)
        #expect(build.identity != strict.identity)
        #expect(build.canonicalText != strict.canonicalText)
        let denying = FilterSpecification(SyscallPolicy(allowGroups: [.ordinary], deny: ["tee", "sync", "tee"]))
        let same = FilterSpecification(SyscallPolicy(allowGroups: [.ordinary, .ordinary], deny: ["sync", "tee"]))
        #expect(denying.identity == same.identity)
        #expect(denying.canonicalText == same.canonicalText)
        #expect(denying.identity != strict.identity)
    }

    /// Compiled filters are kept under their identity, so one identity must never stand for two sets of rules. The
    /// golden of a revision is therefore written once; changing the tables means raising the revision.
    @Test("a revision's rules never change")
    func revision() throws {
        let name = "Tests/PolicyTests/Goldens/revision-\(FilterSpecification.revision).rules"
        let url = ProfileFixtures.repository.appendingPathComponent(name)
        let text = try Self.filter("build").canonicalText + Self.filter("strict").canonicalText
        let rewrite = ProcessInfo.processInfo.environment["SALLYPORT_REWRITE_GOLDENS"] == "1"
        if rewrite, !FileManager.default.fileExists(atPath: url.path) { try Data(text.utf8).write(to: url) }
        let kept = try String(contentsOf: url, encoding: .utf8)
        #expect(kept == text, "raise FilterSpecification.revision and rewrite the goldens")
    }
}
