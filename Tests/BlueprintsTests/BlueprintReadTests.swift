// SPDX-License-Identifier: Apache-2.0
import Blueprints
import Documents
import Foundation
import Policy
import TaskModel
import Testing

@Suite("reading blueprints")
struct BlueprintReadTests {
    @Test("what is not said has its default written out")
    func defaults() throws {
        let blueprint = try BlueprintFixtures.blueprint()
        #expect(blueprint.profile == "build")
        #expect(blueprint.compute == .local)
        #expect(blueprint.agent.maxTurns == 100 && blueprint.agent.maxTurnsCeiling == 100)
        #expect(blueprint.agent.maxBudget == nil)
        #expect(blueprint.taskTypes == TaskType.allCases)
        #expect(blueprint.pipeline.pollMilliseconds == 30_000 && blueprint.pipeline.previousResults == 5)
        #expect(blueprint.approvals.cap == 50 && blueprint.approvals.timeoutSeconds == 300)
        #expect(blueprint.approvals.planTimeoutSeconds == 86_400)
        #expect(blueprint.approvals.gates == [.push, .pullRequest] && blueprint.approvals.allowsSelfApproval)
        #expect(blueprint.screening == .block)
        #expect(blueprint.warnings == [])
    }

    @Test(
        "the canonical form of a blueprint reads back as itself",
        arguments: ["python-service", "local-review", "own-order"])
    func canonical(_ name: String) throws {
        let url = BlueprintFixtures.repository.appendingPathComponent("profiles/blueprints/\(name).yaml")
        let first = try BlueprintFixtures.read(try String(contentsOf: url, encoding: .utf8))
        let second = try Blueprint.read(first.canonicalBytes, file: "canonical.json")
        #expect(second.canonicalBytes == first.canonicalBytes)
        #expect(second.pipeline == first.pipeline && second.approvals == first.approvals)
        #expect(first.warnings == [])
    }

    @Test("the order of keys makes no difference to the canonical form")
    func order() throws {
        let one = try BlueprintFixtures.blueprint("agent: {max_turns: 10, model: m}\nbudgets: {per_task_usd: 5.0}")
        let other = try BlueprintFixtures.blueprint("budgets: {per_task_usd: 5.00}\nagent: {model: m, max_turns: 10}")
        #expect(one.canonicalBytes == other.canonicalBytes)
        #expect(try BlueprintFixtures.blueprint().canonicalBytes != one.canonicalBytes)
    }

    struct Flaw: Sendable, CustomTestStringConvertible {
        let text: String
        let line: Int
        let says: String
        init(_ text: String, line: Int = 7, _ says: String) {
            self.text = text
            self.line = line
            self.says = says
        }
        var testDescription: String { says }
    }

    static let flawed: [Flaw] = [
        Flaw("colour: red", "unknown key \"colour\""),
        Flaw("agent: {maxTurns: 5}", "Did you mean \"max_turns\"?"),
        Flaw("agent: {max_turns: 0}", "agent.max_turns is no whole number from 1 to 500"),
        Flaw("agent: {max_turns: 501}", "agent.max_turns is no whole number"),
        Flaw("agent: {max_turns: \"5\"}", "agent.max_turns is no whole number"),
        Flaw("agent: {max_turns: 50, max_turns_ceiling: 40}", "more than max_turns_ceiling"),
        Flaw("agent: {max_budget_usd: 0.001}", "no amount from 0.01 to 100.00 dollars"),
        Flaw("agent: {max_budget_usd: 1e2}", "no amount"),
        Flaw("agent: {max_budget_usd: 9}\nbudgets: {per_task_usd: 5}", "more than budgets.per_task_usd"),
        Flaw("budgets: {per_task_usd: 5, per_day_usd: 4}", "budgets.per_task_usd is more than budgets.per_day_usd"),
        Flaw("compute: {type: kubernetes}", "compute.type is \"kubernetes\""),
        Flaw("compute: {type: scripted}", "compute.type is \"scripted\""),
        Flaw("compute: {config: {image: x}}", "compute.type local takes none"),
        Flaw("credentials: {forge: gh\u{70}_abcdefghijklmnopqrstuvwxyz0123456789}", "no reference to a credential"),
        Flaw("credentials: {forge: \"file:relative\"}", "no reference to a credential"),
        Flaw("credentials: {forge: \"file:/a/../b\"}", "no reference to a credential"),
        Flaw("credentials: {github_app: {id: 5}}", "\"credentials.github_app.key\" is missing"),
        Flaw("credentials: {github_app: {key: \"file:/k\"}}", "\"credentials.github_app.id\" is missing"),
        Flaw("credentials: {github_app: {id: 5, key: \"file:/k\"}}", "is for a forge that there is not"),
        Flaw("networking: {egress: [{host: a.example}]}", "networking.egress[0] has no reason"),
        Flaw("networking: {egress: [{host: \"*\", reason: x}]}", "networking.egress[0].host"),
        Flaw("networking: {egress: yes}", "networking.egress is a plain value where a list is meant"),
        Flaw("resources: {memory: lots}", "resources.memory is \"lots\""),
        Flaw("resources: {disk: 1GiB}", "unknown key \"resources.disk\""),
        Flaw("filesystem: {writable: [relative]}", "filesystem.writable[0] is \"relative\""),
        Flaw("approvals: {level: paranoid}", "approvals.level is \"paranoid\""),
        Flaw("approvals: {level: autonomous, gates: [push]}", "stands beside \"level: autonomous\""),
        Flaw("approvals: {gates: [push, push]}", "stands here a second time"),
        Flaw("approvals: {cap: 0}", "approvals.cap is no whole number from 1 to 500"),
        Flaw("approvals: {timeout: 10s}", "approvals.timeout is no time from 30s to 1h"),
        Flaw("approvals: {approvers: []}", "nobody could ever decide"),
        Flaw("approvals: {self_approval: false}", "nobody else may decide"),
        Flaw("approvals: {self_approval: no}", "neither true nor false"),
        Flaw("pipeline: {poll_interval_ms: 4999}", "no whole number from 5000 to 300000"),
        Flaw("pipeline: {poll_interval_ms: 300001}", "no whole number from 5000 to 300000"),
        Flaw("pipeline: {gate: maybe}", "pipeline.gate is \"maybe\""),
        Flaw("pipeline: {build_command: yes}", "YAML takes for something else"),
        Flaw("pipeline: {build_command: \"  \"}", "is blank"),
        Flaw("scope: {max_files: -1}", "scope.max_files is no whole number"),
        Flaw("scope: {max_bytes: 5TB}", "scope.max_bytes is no size"),
        Flaw("task_types: [new_task, other]", "task_types[1] is \"other\""),
        Flaw("profile: ../etc/passwd", "no name of a profile"),
        Flaw("screening: never", "screening is \"never\""),
        Flaw("screening: strip\nscreening: block", line: 8, "stands here a second time, first at"),
        Flaw("agent: &a {max_turns: 5}", "an anchor"),
        Flaw("agent: [5]", "agent is a list, where a mapping"),
        Flaw("agent: {model: \"a\\u202eb\"}", "another character that is not shown"),
    ]

    @Test("refuses what is wrong, with its line and what to do", arguments: flawed)
    func refused(_ flaw: Flaw) throws {
        let found = BlueprintFixtures.flaws(BlueprintFixtures.text(flaw.text))
        let said = found.first { $0.description.contains(flaw.says) }
        #expect(said != nil, "\(found)")
        #expect(said?.place.line == flaw.line && said?.place.file == "b.yaml")
        #expect(said?.remedy.isEmpty == false)
    }

    static let replaced: [(String, String, String)] = [
        ("version: 1", "version: 2", "not one that this program knows"),
        ("version: 1\n", "", "\"version\" is missing"),
        ("repo: team/library", "repo: library", "names no repository"),
        ("repo: team/library", "repo: team/../library", "names no repository"),
        ("repo: team/library", "repo: team/.git", "names no repository"),
        ("reason: tests\n", "", "\"reason\" is missing"),
        ("[\"user:alice\"]", "[alice]", "names nobody"),
        ("[\"user:alice\"]", "[\"uid:-1\"]", "names nobody"),
        ("[\"user:alice\"]", "[\"uid:4294967295\"]", "names nobody"),
        ("submitters: [\"user:alice\"]\n", "", "\"submitters\" is missing"),
        ("command: exec agent", "agent: aider, command: x", "names a preset and a command"),
        ("command: exec agent", "timeout: 5m", "names no agent"),
        ("command: exec agent", "agent: aider, prompt: stdin", "stands beside a preset"),
        ("command: exec agent", "agent: ../aider", "no name of a preset"),
        ("repository: /srv/git/library.git, base: main", "base: main", "neither a repository nor a forge"),
        ("repository: /srv/git/library.git, base: main", "forge: \"github:x\"", "names no repository"),
        (
            "repository: /srv/git/library.git, base: main", "repository: /x, forge: \"github:a/b\"",
            "stands beside a forge that names the repository"
        ),
        (
            "repository: /srv/git/library.git, base: main", "repository: /x, forge_url: \"https://a.example\"",
            "stands without a forge"
        ),
        ("repository: /srv/git/library.git, base: main", "repository: \"git@a.example:b\"", "Write an absolute path"),
        ("base: main", "base: \"--upload-pack=x\"", "no name of a branch"),
    ]

    @Test("refuses what has to be there and is not, or is wrong", arguments: replaced)
    func required(_ old: String, _ new: String, _ says: String) throws {
        let text = BlueprintFixtures.text()
        try #require(text.contains(old))
        let found = BlueprintFixtures.flaws(text.replacingOccurrences(of: old, with: new))
        #expect(found.contains { $0.description.contains(says) }, "\(found)")
    }

    @Test("says everything that is wrong at once, in the order of the lines")
    func all() {
        let found = BlueprintFixtures.flaws(
            BlueprintFixtures.text("agent: {max_turns: 0}\nscope: {max_files: x}\nbudget: {}\nresources: {cpu: x}"))
        #expect(found.map(\.place.line) == [7, 8, 9, 10])
    }

    @Test("items of a list are trimmed, and empty ones dropped")
    func trimmed() throws {
        let blueprint = try BlueprintFixtures.blueprint("scope: {writable: [\" src/ \", \"\", \"  \", docs/]}")
        #expect(blueprint.scope.writable == ["src/", "docs/"])
    }

    @Test("names of a repository are one in upper and lower case")
    func names() throws {
        let (first, second) = (
            try #require(RepositoryName("Team/Library")), try #require(RepositoryName("team/library"))
        )
        #expect(first == second && first.hashValue == second.hashValue && first.description == "Team/Library")
        for bad in ["", "a", "a/b/c", "/b", "a/", "a b/c", "a/.b", "a/b\n", "ä/b"] {
            #expect(RepositoryName(bad) == nil)
        }
    }
}

@Suite("blueprints and profiles")
struct BlueprintNarrowingTests {
    static let base = """
        version: 1
        extends: [strict]
        reason: base
        limits: {memory: 1GiB, wall: 30m}
        egress:
          rules:
            - {host: a.example, reason: x}
            - {host: b.example, reason: x}
        """

    @Test("a blueprint takes away from its profile")
    func narrowed() throws {
        let blueprint = try BlueprintFixtures.blueprint(
            "resources: {memory: 512MiB}\nnetworking: {egress: [{host: a.example, reason: only this}]}")
        let profile = try blueprint.narrowed(try BlueprintFixtures.profile(Self.base))
        #expect(profile.limits.memoryBytes == 512 << 20 && profile.limits.wallSeconds == 1800)
        #expect(profile.egress.rules.count == 1)
    }

    @Test("an empty list of rules lets nothing out")
    func nothing() throws {
        let profile = try BlueprintFixtures.profile(Self.base)
        #expect(profile.egress.isOpen)
        #expect(try !BlueprintFixtures.blueprint("networking: {egress: []}").narrowed(profile).egress.isOpen)
    }

    @Test(
        "a blueprint cannot give more than its profile, and says where it tries",
        arguments: [
            ("resources: {memory: 2GiB}", "resources.memory"),
            ("networking: {egress: [{host: c.example, reason: x}]}", "networking.egress"),
            ("filesystem: {writable: [/workspace, /tmp, /dev/shm, /usr]}", "filesystem.writable"),
        ])
    func widened(_ text: String, _ key: String) throws {
        let blueprint = try BlueprintFixtures.blueprint(text)
        let profile = try BlueprintFixtures.profile(Self.base)
        let flaw = #expect(throws: BlueprintFlaw.self) { _ = try blueprint.narrowed(profile) }
        #expect(flaw?.message.hasPrefix(key) == true, "\(String(describing: flaw))")
        #expect(flaw?.place.file == "b.yaml" && flaw?.place.line == 7)
        // A path that no profile can open at all is refused as such.
        let isPath = key.hasPrefix("filesystem")
        #expect(isPath || flaw?.message.contains("a blueprint may only narrow profile") == true)
    }
}
