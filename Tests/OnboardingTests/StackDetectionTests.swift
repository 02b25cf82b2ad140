// SPDX-License-Identifier: Apache-2.0
import Blueprints
import Documents
import Onboarding
import Testing

@Suite("detected stacks")
struct StackDetectionTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let paths: [String]
        let text: [String: String]
        let languages: [DetectedStack.Language]
        let commands: [String?]
        let registries: [String]

        /// - Parameter commands: Setup, build, lint, test.
        init(
            _ name: String, _ paths: [String], text: [String: String] = [:], _ languages: [DetectedStack.Language],
            _ commands: [String?], _ registries: [String] = []
        ) {
            self.name = name
            self.paths = paths + text.keys
            self.text = text
            self.languages = languages
            self.commands = commands
            self.registries = registries
        }
        var testDescription: String { name }
    }

    static let cases: [Case] = [
        Case("nothing", ["README.md", "src/a.c"], [], [nil, nil, nil, nil]),
        Case("Swift", ["Package.swift"], [.swift], [nil, "swift build", nil, "swift test"]),
        Case(
            "Python with requirements and pytest", ["conftest.py"], text: ["requirements.txt": "pytest\n"], [.python],
            [
                "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt", nil, nil,
                ".venv/bin/python -m pytest -q",
            ],
            ["pip"]),
        Case(
            "Python as a project with ruff", [], text: ["pyproject.toml": "[tool.ruff]\n"], [.python],
            [
                "python3 -m venv .venv && .venv/bin/pip install -e .", nil, ".venv/bin/ruff check",
                ".venv/bin/python -m unittest",
            ],
            ["pip"]),
        Case(
            "Node with a lock file", ["package-lock.json"],
            text: ["package.json": "{\"scripts\":{\"test\":\"rm -rf /\",\"lint\":\"x\"}}"], [.node],
            ["npm ci", nil, "npm run lint", "npm run test"], ["npm"]),
        Case(
            "Node by yarn", ["yarn.lock"], text: ["package.json": "{\"scripts\":{\"build\":\"x\"}}"], [.node],
            ["yarn install", "yarn run build", nil, nil], ["npm"]),
        Case(
            "Node with what is no JSON", [], text: ["package.json": "{scripts:"], [.node],
            ["npm install", nil, nil, nil],
            ["npm"]),
        Case(
            "Rust", ["Cargo.toml"], [.rust],
            ["cargo fetch", "cargo build --all-targets", "cargo clippy --all-targets", "cargo test"], ["cargo"]),
        Case("Go", ["go.mod"], [.go], ["go mod download", "go build ./...", "go vet ./...", "go test ./..."], ["go"]),
        Case(
            "CMake", ["CMakeLists.txt"], [.cmake],
            [nil, "cmake -B build && cmake --build build", nil, "ctest --test-dir build"]),
        Case(
            "a Makefile goes before the rest", ["go.mod"],
            text: ["Makefile": "all: x\nCC := gcc\nlint:\n\tx\ncheck: all\n.PHONY: y\ntest::\n"], [.make, .go],
            ["go mod download", "make all", "make lint", "make check"], ["go"]),
        Case("only what lies at the root counts", ["sub/Cargo.toml", "sub/package.json"], [], [nil, nil, nil, nil]),
    ]

    @Test("what the files say", arguments: cases)
    func detected(_ one: Case) {
        let stack = DetectedStack(paths: one.paths, text: one.text)
        #expect(stack.languages == one.languages)
        #expect([stack.setup, stack.build, stack.lint, stack.test] == one.commands)
        #expect(stack.registries == one.registries)
        #expect(one.languages.isEmpty == stack.notes.contains { $0.contains("nothing says how it is built") })
    }

    @Test("rule files are found in every directory, and what an operator should look at is said")
    func others() {
        let stack = DetectedStack(
            paths: [
                "AGENTS.md", "sub/deep/CLAUDE.md", "NOTAGENTS.md", ".github/workflows/ci.yml", ".mcp.json",
                ".gitattributes",
            ],
            text: [:])
        #expect(stack.ruleFiles == ["AGENTS.md", "sub/deep/CLAUDE.md"])
        #expect(stack.notes.count == 4)
    }

    @Test("what is proposed is a valid blueprint", arguments: cases)
    func proposal(_ one: Case) throws {
        let repository = try #require(RepositoryName("Team/Lib.rary_2"))
        let proposal = BlueprintProposal(
            repository: repository, place: "/srv/a \"b\"/c: d", base: "main",
            stack: DetectedStack(paths: one.paths, text: one.text).json, user: "alice")
        let blueprint = try Blueprint.read(Array(proposal.blueprint().utf8), file: "proposal")
        #expect(blueprint.source.repository == "/srv/a \"b\"/c: d" && blueprint.source.base == "main")
        #expect(
            [
                blueprint.pipeline.setupCommand, blueprint.pipeline.buildCommand, blueprint.pipeline.lintCommand,
                blueprint.pipeline.testCommand,
            ]
                == one.commands)
        #expect(proposal.needsProfile == !one.registries.isEmpty)
        #expect(blueprint.profile == (one.registries.isEmpty ? "build" : "team-lib-rary-2"))
        for registry in one.registries { #expect(proposal.profile.contains("{registry: \(registry), ")) }
    }
}
