// SPDX-License-Identifier: Apache-2.0
import Documents
import Policy
import Testing

@Suite("profile loading")
struct ProfileLoadTests {
    @Test(
        "loads each shipped profile without a finding but the weakness its name says",
        arguments: ProfileFixtures.shipped + ProfileFixtures.shippedEgress)
    func shipped(name: String) throws {
        let profile = try Profile.load(name: name, source: ProfileFixtures.source())
        let findings = profile.lint().map { $0.message }
        #expect(findings.count == (name == "strict-rlimit" ? 1 : 0), "\(findings)")
        #expect(!profile.reason.isEmpty)
    }

    @Test("resolves what the shipped profiles promise")
    func values() throws {
        let strict = try ProfileFixtures.strict()
        #expect(strict.limits.pids == 256)
        #expect(strict.limits.memoryBytes == 2 << 30)
        #expect(strict.limits.cpuMillis == 2000)
        #expect(strict.limits.wallSeconds == 1800)
        #expect(strict.limits.workspaceMetered)
        #expect(strict.limits.enforcement == .cgroup)
        #expect(strict.landlock == .required)
        #expect(strict.syscalls.allowGroups == [.ordinary])
        let build = try Profile.load(name: "build", source: ProfileFixtures.source())
        #expect(build.limits.memoryBytes == 6 << 30)
        #expect(build.limits.cpuMillis == 2000)
        #expect(build.syscalls.allowGroups == [.ordinary, .debugOwnChildren])
        #expect(build.origins["limits.memory"]?.description == "profiles/build.yaml:14")
        #expect(build.origins["limits.cpu"]?.file == "profiles/strict.yaml")
        let review = try Profile.load(name: "review", source: ProfileFixtures.source())
        #expect(review.filesystem.workspace == .readOnly)
        let rlimit = try Profile.load(name: "strict-rlimit", source: ProfileFixtures.source())
        #expect(rlimit.limits.enforcement == .rlimit)
    }

    struct Refusal: Sendable, CustomTestStringConvertible {
        var text: String
        var error: String
        var testDescription: String { error }
        init(_ lines: String, _ error: String) {
            text = ProfileFixtures.overStrict(lines)
            self.error = error
        }
        init(whole text: String, _ error: String) {
            self.text = text
            self.error = error
        }
    }

    static let refusals: [Refusal] = [
        .init("limts: {pids: 4}", "p.yaml:4: unknown key \"limts\". Did you mean \"limits\"?"),
        .init("limits:\n  memroy: 1GiB", "p.yaml:5: unknown key \"limits.memroy\". Did you mean \"memory\"?"),
        .init(
            "filesystem: {zzzzzzz: []}",
            "p.yaml:4: unknown key \"filesystem.zzzzzzz\". Known here: writable, read_only, deny, workspace."),
        .init(
            "limits: {memory: 2GB}",
            "p.yaml:4: limits.memory is \"2GB\". Write a size with KiB, MiB or GiB, or a plain number of bytes."),
        .init("limits: {pids: many}", "p.yaml:4: limits.pids is \"many\". Write a whole number up to 4194304."),
        .init("limits: {pids: -1}", "p.yaml:4: limits.pids is \"-1\". Write a whole number up to 4194304."),
        .init("limits: {wall: 30}", "p.yaml:4: limits.wall is \"30\". Write a time with s, m or h, such as 30m."),
        .init(
            "limits: {cpu: 1.2345}",
            "p.yaml:4: limits.cpu is \"1.2345\". "
                + "Write a number of processors with at most three decimals, such as 1.5."),
        .init(
            "limits: [1]",
            "p.yaml:4: limits is a list where a mapping of keys to values is meant. "
                + "Write a mapping of keys to values."),
        .init(
            "limits: {pids: }",
            "p.yaml:4: limits.pids is an empty value where a whole number up to 4194304 is meant. "
                + "Write a whole number up to 4194304."),
        .init(
            "environment: {set: {CI: yes}}",
            "p.yaml:4: environment.set.CI is written yes without quotes, which YAML takes for the boolean true, "
                + "where a string is meant. Write \"yes\" in quotes."),
        .init(
            "environment: {set: {CI: 1}}",
            "p.yaml:4: environment.set.CI is written 1 without quotes, which YAML takes for a number, "
                + "where a string is meant. Write \"1\" in quotes."),
        .init(
            "landlock: no",
            "p.yaml:4: landlock is no, which YAML takes for the boolean false. Write required or waived."),
        .init(
            "landlock: waived",
            "p.yaml:4: landlock is waived without a reason. "
                + "Add \"landlock_reason: ...\" beside it; sessions record it."),
        .init(
            "landlock_reason: because",
            "p.yaml:4: landlock_reason stands without \"landlock: waived\". Write both, or neither."),
        .init(
            "environment: {pass: [GH_TOKEN]}",
            "p.yaml:4: environment.pass[0] is \"GH_TOKEN\", a name that credentials go by, and none may enter a "
                + "sandbox. Remove it; credentials are added outside, by the gateway."),
        .init(
            "syscalls: {deny: [moutn]}",
            "p.yaml:4: syscalls.deny[0] is \"moutn\", which is no system call of this architecture. "
                + "Did you mean \"mount\"?"),
        .init(
            "syscalls: {allow_groups: [defualt]}",
            "p.yaml:4: syscalls.allow_groups[0] is \"defualt\". Did you mean \"default\"? "
                + "Write default or debug-own-children."),
        .init(
            "filesystem: {deny: [/usr/../etc]}",
            "p.yaml:4: filesystem.deny[0] is \"/usr/../etc\", which has a \"..\" component. "
                + "Write the path it leads to."),
        .init(
            "filesystem: {deny: [/usr/*]}",
            "p.yaml:4: filesystem.deny[0] is \"/usr/*\", which holds \"*\", \"?\" or \"[\", and there are no patterns. "
                + "Name the directory itself."),
        .init(
            "filesystem: {deny: [usr]}",
            "p.yaml:4: filesystem.deny[0] is \"usr\", which is not an absolute path. "
                + "Begin it with \"/\", as seen inside the sandbox."),
        .init(
            "egress: {rules: [{host: a.example}]}",
            "p.yaml:4: egress.rules[0] has no reason. Say in a sentence what the task needs it for."),
        .init(
            "egress: {rules: [{host: a.example, registry: pip, reason: x}]}",
            "p.yaml:4: egress.rules[0] names more than one thing. "
                + "Write one of host, registry, cidr, socket and deny in each rule."),
        .init(
            "egress: {rules: [{host: \"*.com\", reason: x}]}",
            "p.yaml:4: egress.rules[0].host is \"*.com\", wider than one registrable domain. "
                + "Name the hosts the task needs."),
        .init(whole: "reason: x\n", "p.yaml:1: the profile has no \"version\". Begin it with \"version: 1\"."),
        .init(whole: "version: 2\n", "p.yaml:1: version is not one this program knows. Write \"version: 1\"."),
        .init(whole: "version: 1\n", "p.yaml:1: the profile has no \"reason\". Say in a sentence what it is for."),
        .init(
            whole: "version: 1\nreason: x\n",
            "p.yaml:1: no profile in the chain says \"rootfs\". "
                + "Write it, or extend a profile that does, such as strict."),
        .init(
            whole: "version: 1\nreason: x\nextends: [../x]\n",
            "p.yaml:3: extends[0] is \"../x\", which is no name. Use small letters, digits and hyphens."),
        .init(
            whole: "version: 1\nreason: x\nextends: strict\n",
            "p.yaml:3: extends is a plain value where a list is meant. Write a list."),
        .init(
            whole: "version: 1\nreason: x\nextends: [p]\n",
            "p.yaml:3: extends goes in a circle: p -> p. Remove one of these."),
        .init(
            whole: "version: 1\nversion: 1\n",
            "p.yaml:2: key \"version\" stands here a second time, first at p.yaml:1. Keep one of the two."),
    ]

    @Test("refuses a wrong profile with place and remedy", arguments: refusals)
    func refusal(_ c: Refusal) {
        let error = #expect(throws: PolicyError.self) { try ProfileFixtures.load(c.text) }
        #expect(error?.description == "cannot load profile \(c.error)")
    }

    @Test("a message cannot act on the terminal of who reads it")
    func hostileText() {
        let error = #expect(throws: PolicyError.self) {
            try ProfileFixtures.load(ProfileFixtures.overStrict("\"\\e]0;x\\a\\n\\u202e\": 1"))
        }
        #expect(error?.message == #"unknown key "\u{1b}]0;x\u{7}\u{a}\u{202e}""#)
    }

    @Test("a missing parent is an error of the source")
    func missingParent() {
        let error = #expect(throws: PolicyError.self) {
            try ProfileFixtures.load("version: 1\nreason: x\nextends: [absent]\n")
        }
        #expect(error?.file == "absent")
    }

    @Test("a circle through two files is refused")
    func circle() {
        let source = ProfileFixtures.source([
            "a": "version: 1\nreason: x\nextends: [b]\n", "b": "version: 1\nreason: x\nextends: [a]\n",
        ])
        let error = #expect(throws: PolicyError.self) { try Profile.load(name: "a", source: source) }
        #expect(error?.message == "extends goes in a circle: a -> b -> a")
        #expect(error?.file == "b.yaml")
        #expect(error?.line == 3)
    }

    @Test("extends is loaded to a depth of eight profiles, and no deeper")
    func chainDepth() throws {
        func chain(_ length: Int) -> Profile.Source {
            var texts: [String: String] = [:]
            for i in 0..<length {
                texts["c\(i)"] = "version: 1\nreason: x\nextends: [\(i == length - 1 ? "strict" : "c\(i + 1)")]\n"
            }
            return ProfileFixtures.source(texts)
        }
        _ = try Profile.load(name: "c0", source: chain(6))
        let error = #expect(throws: PolicyError.self) { try Profile.load(name: "c0", source: chain(7)) }
        #expect(error?.message == "extends is more than 8 profiles deep or 64 in all")
    }

    @Test("later parents win, the file itself wins last, and denials add up")
    func mergeOrder() throws {
        let source = ProfileFixtures.source([
            "one": "version: 1\nreason: x\nlimits: {pids: 11, wall: 1m}\nsyscalls: {deny: [sync]}\n",
            "two": "version: 1\nreason: x\nlimits: {pids: 12, wall: 2m}\nsyscalls: {deny: [tee]}\n",
            "p": "version: 1\nreason: x\nextends: [strict, one, two]\nlimits: {wall: 3m}\nsyscalls: {deny: []}\n",
        ])
        let profile = try Profile.load(name: "p", source: source)
        #expect(profile.limits.pids == 12)
        #expect(profile.limits.wallSeconds == 180)
        #expect(profile.syscalls.deny == ["sync", "tee"])
        #expect(profile.origins["syscalls.deny[1]"]?.description == "two.yaml:4")
    }

    @Test("a parent that is reached on two ways counts once, before those that extend it")
    func diamond() throws {
        let profile = try ProfileFixtures.load("version: 1\nreason: x\nextends: [build, registries, web]\n")
        let build = try Profile.load(name: "build", source: ProfileFixtures.source())
        #expect(profile.limits == build.limits)
        #expect(profile.syscalls == build.syscalls)
        let rules = try ProfileFixtures.shippedEgress.map { name in
            try Profile.load(name: name, source: ProfileFixtures.source()).egress.rules.map { $0.text }
        }
        #expect(profile.egress.rules.map { $0.text } == rules[0] + rules[1])
        #expect(rules.allSatisfy { !$0.isEmpty })
    }

    @Test("a profile without a root file system is a part, to be extended")
    func part() throws {
        #expect(try Profile.summary(name: "offline", source: ProfileFixtures.source()).isPart)
        #expect(try !Profile.summary(name: "strict", source: ProfileFixtures.source()).isPart)
        let error = #expect(throws: PolicyError.self) {
            try Profile.load(name: "offline", source: ProfileFixtures.source())
        }
        #expect(error?.message == "no profile in the chain says \"rootfs\"")
        let strict = try ProfileFixtures.strict()
        #expect(strict.egress.rules.isEmpty && strict.egress.directIP == .explain)
        #expect(strict.origins["egress.direct_ip"]?.file == "profiles/offline.yaml")
    }

    @Test("an empty list means nothing, and so does one that is missing")
    func emptyLists() throws {
        let profile = try ProfileFixtures.resolve(
            ProfileFixtures.overStrict("filesystem: {writable: [], read_only: []}\nenvironment: {pass: []}"))
        #expect(profile.filesystem.decide(try RulePath("/workspace")).access == .denied)
        #expect(profile.filesystem.decide(try RulePath("/usr/bin")).access == .denied)
        #expect(profile.environment.pass.isEmpty)
        #expect(profile.egress.rules.isEmpty)
        let nothing = FilterSpecification(SyscallPolicy(allowGroups: []))
        #expect(SyscallTable.names.allSatisfy { nothing.evaluate($0) != .allow })
    }

    @Test("lists of grants are replaced, not added to")
    func grantLists() throws {
        let profile = try ProfileFixtures.load(ProfileFixtures.overStrict("environment: {pass: [CI]}"))
        #expect(profile.environment.pass == ["CI"])
    }
}
