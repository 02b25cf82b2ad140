// SPDX-License-Identifier: Apache-2.0
package import Documents

/// What the files of a repository say of how it is built, in words of our own: no command here is text of a repository.
package struct DetectedStack: Sendable, Hashable {
    package enum Language: String, Sendable, CaseIterable {
        case swift, python, node, rust, go, cmake, make, java, ruby
    }

    package private(set) var languages: [Language] = []
    package private(set) var setup: String?
    package private(set) var build: String?
    package private(set) var lint: String?
    package private(set) var test: String?
    /// Clients whose registries are needed, as profiles name them.
    package private(set) var registries: [String] = []
    /// In which a repository tells agents how to work.
    package private(set) var ruleFiles: [String] = []
    /// What an operator should look at.
    package private(set) var notes: [String] = []

    /// Files of the root whose text is looked at.
    package static let files: Set<String> = [
        "package.json", "pyproject.toml", "setup.cfg", "requirements.txt", "requirements-dev.txt", "Makefile",
        "GNUmakefile", "makefile", "tox.ini",
    ]

    /// - Parameters:
    ///   - paths: Of all files.
    ///   - text: Of those of ``files`` that there are.
    package init(paths: [String], text: [String: String]) {
        let root = Set(paths.filter { !$0.contains("/") })
        // The first that says something about a command says it; a Makefile is what people type.
        make(root, text)
        if root.contains("Package.swift") { take(.swift, build: "swift build", test: "swift test") }
        python(root, paths, text)
        node(root, text)
        if root.contains("Cargo.toml") {
            take(
                .rust, setup: "cargo fetch", build: "cargo build --all-targets", lint: "cargo clippy --all-targets",
                test: "cargo test", registry: "cargo")
        }
        if root.contains("go.mod") {
            take(
                .go, setup: "go mod download", build: "go build ./...", lint: "go vet ./...", test: "go test ./...",
                registry: "go")
        }
        if root.contains("CMakeLists.txt") {
            take(.cmake, build: "cmake -B build && cmake --build build", test: "ctest --test-dir build")
        }
        java(root)
        if root.contains("Gemfile") {
            take(.ruby, setup: "bundle install", test: "bundle exec rake test")
            notes.append("the hosts of Ruby's registry are no rule that a profile has by name: write them as hosts")
        }
        others(root, paths)
    }

    private mutating func take(
        _ language: Language, setup: String? = nil, build: String? = nil, lint: String? = nil, test: String? = nil,
        registry: String? = nil
    ) {
        languages.append(language)
        if let setup { self.setup = self.setup.map { "\($0) && \(setup)" } ?? setup }
        self.build = self.build ?? build
        self.lint = self.lint ?? lint
        self.test = self.test ?? test
        if let registry, !registries.contains(registry) { registries.append(registry) }
    }

    private mutating func make(_ root: Set<String>, _ text: [String: String]) {
        guard let name = ["GNUmakefile", "makefile", "Makefile"].first(where: { root.contains($0) }) else { return }
        let targets = Self.targets(text[name] ?? "")
        func call(_ names: String...) -> String? { names.first { targets.contains($0) }.map { "make \($0)" } }
        take(.make, build: call("build", "all"), lint: call("lint"), test: call("test", "check"))
    }

    /// Names at the beginning of a line with a colon behind them that begins no assignment.
    private static func targets(_ makefile: String) -> Set<String> {
        var targets: Set<String> = []
        for line in makefile.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let name = line[..<colon]
            let next = line[line.index(after: colon)...].first
            guard next != "=", next != ":", !name.isEmpty, name.utf8.count < 64,
                name.utf8.allSatisfy({ $0 == 0x2D || $0 == 0x5F || (0x61...0x7A).contains($0) })
            else { continue }
            targets.insert(String(name))
        }
        return targets
    }

    private mutating func python(_ root: Set<String>, _ paths: [String], _ text: [String: String]) {
        let marks = ["pyproject.toml", "setup.py", "setup.cfg", "requirements.txt"].filter { root.contains($0) }
        guard !marks.isEmpty else { return }
        let said = ["pyproject.toml", "setup.cfg", "requirements.txt", "requirements-dev.txt", "tox.ini"]
            .compactMap { text[$0] }.joined(separator: "\n")
        var wanted = ["requirements.txt", "requirements-dev.txt"].filter { root.contains($0) }.map { "-r \($0)" }
        if marks != ["requirements.txt"] { wanted.append("-e .") }
        let pytest = said.contains("pytest") || paths.contains { $0.hasSuffix("/conftest.py") || $0 == "conftest.py" }
        take(
            .python, setup: "python3 -m venv .venv && .venv/bin/pip install \(wanted.joined(separator: " "))",
            lint: said.contains("ruff") || root.contains("ruff.toml") ? ".venv/bin/ruff check" : nil,
            test: pytest ? ".venv/bin/python -m pytest -q" : ".venv/bin/python -m unittest", registry: "pip")
    }

    private mutating func node(_ root: Set<String>, _ text: [String: String]) {
        guard root.contains("package.json") else { return }
        var scripts: Set<String> = []
        do throws(JSONParser.Failure) {
            let json = try JSONParser.parse(Array((text["package.json"] ?? "").utf8))
            scripts = Set((json["scripts"]?.objectValue ?? []).map(\.name))
        } catch { notes.append("package.json is no JSON: \(error.reason)") }
        let tool = root.contains("pnpm-lock.yaml") ? "pnpm" : root.contains("yarn.lock") ? "yarn" : "npm"
        let setup = tool == "npm" ? (root.contains("package-lock.json") ? "npm ci" : "npm install") : "\(tool) install"
        func call(_ script: String) -> String? { scripts.contains(script) ? "\(tool) run \(script)" : nil }
        take(.node, setup: setup, build: call("build"), lint: call("lint"), test: call("test"), registry: "npm")
    }

    private mutating func java(_ root: Set<String>) {
        if root.contains("pom.xml") {
            take(.java, build: "mvn -q -B -DskipTests package", test: "mvn -q -B verify")
        } else if root.contains("gradlew") {
            take(.java, build: "./gradlew assemble", test: "./gradlew test")
        } else {
            return
        }
        notes.append("the hosts of Java's repositories are no rule that a profile has by name: write them as hosts")
    }

    private static let rules: Set<String> = ["AGENTS.md", "CLAUDE.md"]

    private mutating func others(_ root: Set<String>, _ paths: [String]) {
        ruleFiles = paths.filter { path in
            Self.rules.contains(path.split(separator: "/").last.map(String.init) ?? "")
        }
        if paths.contains(where: { $0.hasPrefix(".github/workflows/") }) {
            notes.append("there are workflows of the forge: the push gate flags every change to them")
        }
        if root.contains(".mcp.json") {
            notes.append(".mcp.json names servers for agents: they are not started, and their hosts need rules")
        }
        if root.contains(".gitattributes") {
            notes.append(".gitattributes may name filters: none runs, so files in Git LFS stay pointers")
        }
        if languages.isEmpty { notes.append("nothing says how it is built: write build_command and test_command") }
    }

    // MARK: Forms

    /// What a later look is compared with.
    package var json: JSON {
        func list(_ texts: [String]) -> JSON { .array(texts.map { .string($0) }) }
        return [
            "languages": list(languages.map(\.rawValue)), "setup": .optional(setup), "build": .optional(build),
            "lint": .optional(lint), "test": .optional(test), "registries": list(registries),
            "rules": list(ruleFiles), "notes": list(notes),
        ]
    }
}
