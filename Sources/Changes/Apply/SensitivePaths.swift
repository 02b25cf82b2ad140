// SPDX-License-Identifier: Apache-2.0

/// What a changed file could make the host do, by its path alone.
package enum Sensitivity: Equatable, Sendable {
    /// Nothing but being read.
    case plain
    /// Runs, or steers an agent, once someone builds, tests or commits on purpose: shown first, applied.
    case notice(String)
    /// A program on the host acts on it when the tree is merely opened, entered or looked at: applied only on request.
    case executesOnOpen(String)
    /// Never applied.
    case refused(String)

    /// The graver one of two judgements.
    package func graver(_ other: Sensitivity) -> Sensitivity { Review.rank(self) >= Review.rank(other) ? self : other }

    package var reason: String? {
        switch self {
        case .plain: nil
        case .notice(let why), .executesOnOpen(let why), .refused(let why): why
        }
    }
}

/// The tables behind ``Sensitivity``. Compared without regard to ASCII case: the tree may reach a case-folding disk.
///
/// CVE-2026-25725 (files that are absent at the start), CVE-2019-19604, CVE-2022-39253, CVE-2014-9390
package enum SensitivePaths {
    /// Judges a path; a symlink is judged by its target too, in ``SymlinkRules``.
    package static func judge(_ path: [UInt8], kind: ChangeEntry.Kind) -> Sensitivity {
        let parts = PathRules.components(path)
        for part in parts where part != git && GitSpelling.couldMeanGit(part) {
            return .refused("some file systems read the name \"\(escapedPath(part))\" as \".git\"")
        }
        for part in parts where part.starts(with: temporaryPrefix) {
            return .refused("applying uses names that begin so itself")
        }
        // Each `.git` on the way counts: `.git/hooks/.git/x` lies in both.
        let insides = parts.indices.filter { parts[$0] == git }.map {
            insideGit(parts[($0 + 1)...].map(folded), kind: kind)
        }
        if let gravest = insides.max(by: { Review.rank($0) < Review.rank($1) }) { return gravest }
        let verdict = outsideGit(parts.map(folded))
        // Removing such a file runs nothing.
        if kind == .deleted, case .executesOnOpen(let why) = verdict { return .notice("removes: \(why)") }
        return verdict
    }

    /// Judges where a symlink leads, apart from its path.
    package static func judge(link path: [UInt8], to target: [UInt8]) -> Sensitivity {
        SymlinkRules.judge(path: path, target: target)
    }

    static let git = Array(".git".utf8)
    /// How the names begin under which ``ApplyRun`` stages.
    static let temporaryPrefix = Array(".sallyport-".utf8)

    private static func insideGit(_ parts: [String], kind: ChangeEntry.Kind) -> Sensitivity {
        guard let first = parts.first else {
            return switch kind {
            case .directory, .mode: .notice("a repository of its own")
            case .deleted: .executesOnOpen("removes the repository's own data")
            case .file, .symlink, .refused: .executesOnOpen("sends git to a repository elsewhere")
            }
        }
        if kind == .symlink { return .executesOnOpen("sends git to data elsewhere") }
        switch first {
        case "config", "config.worktree": return .executesOnOpen("git reads commands to run from it")
        case "hooks": return .executesOnOpen("git runs it")
        case "commondir", "gitdir": return .executesOnOpen("sends git to a repository elsewhere")
        case "rebase-merge", "rebase-apply", "sequencer":
            return .executesOnOpen("git runs commands listed in it on --continue")
        case "remotes", "branches": return .executesOnOpen("names repositories that git fetches")
        case "worktrees": return .executesOnOpen("has configuration of its own")
        case "modules":
            // Names of submodules may hold slashes, so any of these may end a path. CVE-2018-11235
            let inner = Set(["config", "config.worktree", "hooks", "commondir", "gitdir", "attributes", "alternates"])
            return inner.isDisjoint(with: parts) ? .plain : .executesOnOpen("git reads commands to run from it")
        case "info" where parts.count > 1 && parts[1] == "attributes":
            return .executesOnOpen("chooses filters that git runs")
        case "objects"
        where parts.count > 2 && parts[1] == "info" && ["alternates", "http-alternates"].contains(parts[2]):
            return .executesOnOpen("sends git to objects elsewhere")
        default: return .plain
        }
    }

    private static func outsideGit(_ parts: [String]) -> Sensitivity {
        for part in parts {
            if let why = openedDirectories[part] { return .executesOnOpen(why) }
        }
        guard let name = parts.last else { return .plain }
        if let why = openedFiles[name] { return .executesOnOpen(why) }
        if name.hasSuffix(".code-workspace") { return .executesOnOpen("editors run tasks from it") }
        if parts.dropLast().last == ".cargo" && (name == "config" || name == "config.toml") {
            return .executesOnOpen("cargo, which editors start, runs what it names")
        }
        if parts.starts(with: [".github", "workflows"]) { return .notice("runs in the forge's CI") }
        if let why = noticed[name] { return .notice(why) }
        return .plain
    }

    private static func folded(_ part: [UInt8]) -> String {
        String(decoding: part.map { (65...90).contains($0) ? $0 + 32 : $0 }, as: UTF8.self)
    }

    private static let openedDirectories: [String: String] = [
        ".vscode": "editors run tasks and settings from it",
        ".idea": "editors run tasks and settings from it",
        ".zed": "editors run tasks and settings from it",
        ".fleet": "editors run tasks and settings from it",
        ".cursor": "editors run tasks and settings from it",
        ".devcontainer": "editors build and start it",
        ".claude": "coding agents run hooks from it",
        ".codex": "coding agents read settings from it",
        ".gemini": "coding agents read settings from it",
        ".hg": "mercurial runs hooks and extensions from its hgrc",
        ".jj": "jujutsu takes settings from it",
        ".sl": "sapling runs hooks and extensions from its config",
        ".pijul": "pijul runs hooks from its config",
        "_darcs": "darcs runs what its preferences name",
        ".vs": "editors run tasks and settings from it",
        ".opencode": "coding agents read settings from it",
        ".windsurf": "coding agents read settings from it",
        ".kiro": "coding agents start the servers it names",
        ".roo": "coding agents start the servers it names",
        ".continue": "coding agents start the servers it names",
        ".amazonq": "coding agents start the servers it names",
        ".amp": "coding agents start the servers it names",
        ".augment": "coding agents start the servers it names",
        ".cline": "coding agents start the servers it names",
        ".crush": "coding agents start the servers it names",
        ".factory": "coding agents run hooks from it",
        ".goose": "coding agents start the servers it names",
        ".grok": "coding agents start the servers it names",
        ".junie": "coding agents start the servers it names",
        ".openhands": "coding agents run its set-up",
        ".qwen": "coding agents start the servers it names",
        ".trae": "coding agents start the servers it names",
        ".mise": "mise runs hooks from it on entering the directory",
        ".husky": "git runs hooks from it",
        ".githooks": "git runs hooks from it where configured",
        ".direnv": "direnv runs it",
        ".helix": "editors start the servers it names",
        ".mvn": "mvn, which editors start, loads what it names",
        ".bundle": "bundler, which editors start, takes its settings from it",
    ]

    private static let openedFiles: [String: String] = [
        ".envrc": "direnv runs it on entering the directory",
        ".tool-versions": "version managers act on it on entering the directory",
        ".mise.toml": "mise runs hooks from it on entering the directory",
        "mise.toml": "mise runs hooks from it on entering the directory",
        ".mise.local.toml": "mise runs hooks from it on entering the directory",
        "mise.local.toml": "mise runs hooks from it on entering the directory",
        ".rtx.toml": "mise runs hooks from it on entering the directory",
        ".autoenv": "autoenv runs it on entering the directory",
        ".env": "shells and editors load it into the environment",
        ".mcp.json": "coding agents start the servers it names",
        ".devcontainer.json": "editors build and start it",
        ".gitmodules": "names repositories that git fetches",
        ".lfsconfig": "names where git-lfs sends data",
        "commondir": "git takes a directory with it and HEAD for a repository and runs what it leads to",
        ".exrc": "vi runs it",
        ".vimrc": "vim runs it",
        ".nvimrc": "nvim runs it",
        ".nvim.lua": "nvim runs it",
        ".lvimrc": "vim runs it",
        ".lazy.lua": "nvim runs it",
        ".dir-locals.el": "emacs evaluates it",
        ".dir-locals-2.el": "emacs evaluates it",
        "rust-analyzer.toml": "editors run the commands it names",
        ".rust-analyzer.toml": "editors run the commands it names",
        "rust-toolchain": "cargo, which editors start, may be taken from where it says",
        "rust-toolchain.toml": "cargo, which editors start, may be taken from where it says",
        ".pylintrc": "pylint, which editors start, runs its init-hook",
        "pylintrc": "pylint, which editors start, runs its init-hook",
        "opencode.json": "coding agents start the servers it names",
        "crush.json": "coding agents start the servers it names",
        ".crush.json": "coding agents start the servers it names",
        ".aider.conf.yml": "coding agents run the commands it names",
        ".gdbinit": "gdb runs it",
        ".lldbinit": "lldb runs it",
        ".bazelrc": "bazel, which editors start, runs what it names",
        ".npmrc": "npm, which editors start, runs what it names",
        ".yarnrc": "yarn runs the program it names",
        ".yarnrc.yml": "yarn runs the program it names",
        ".pnpmfile.cjs": "pnpm runs it",
        ".pythonstartup": "python runs it",
        "sitecustomize.py": "python runs it at every start",
        ".ripgreprc": "ripgrep runs the preprocessor it names",
        ".rprofile": "R runs it at every start",
        ".renviron": "R takes its environment from it",
        ".irbrc": "irb runs it", ".pryrc": "pry runs it", ".pdbrc": "pdb runs it", ".ghci": "ghci runs it",
        ".iex.exs": "iex runs it", ".ocamlinit": "ocaml runs it", ".octaverc": "octave runs it",
        ".latexmkrc": "latexmk runs it",
        ".project": "eclipse runs the builders it names",
    ]

    private static let noticed: [String: String] = [
        ".gitattributes": "chooses among filters that the host configured",
        ".editorconfig": "editors take settings from it",
        ".pre-commit-config.yaml": "runs on commit where installed",
        "lefthook.yml": "runs on commit where installed",
        "makefile": "runs on make", "gnumakefile": "runs on make", "justfile": "runs on just",
        "package.json": "its scripts run on install and test",
        "pyproject.toml": "its build backend runs on install", "setup.py": "runs on install",
        "setup.cfg": "steers install, and linters load what it names",
        ".flake8": "flake8, which editors start, loads what it names",
        "tox.ini": "flake8, which editors start, loads what it names",
        "mypy.ini": "mypy, which editors start, loads what it names",
        ".mypy.ini": "mypy, which editors start, loads what it names",
        ".rubocop.yml": "rubocop, which editors start, loads what it names",
        "conftest.py": "runs with the tests", "build.rs": "runs on cargo build", "cmakelists.txt": "runs on build",
        "build.gradle": "runs on build", "build.gradle.kts": "runs on build", "pom.xml": "runs on build",
        "package.swift": "runs on build", "dockerfile": "runs on image build",
        ".gitlab-ci.yml": "runs in the forge's CI",
        "compile_commands.json": "language servers run the compiler it names",
        "agents.md": "instructs coding agents", "claude.md": "instructs coding agents",
        "gemini.md": "instructs coding agents",
        ".clangd": "language servers take compiler flags from it",
        ".eslintrc.js": "editors run it as a linter's settings",
        ".eslintrc.cjs": "editors run it as a linter's settings",
        "eslint.config.js": "editors run it as a linter's settings",
        "eslint.config.mjs": "editors run it as a linter's settings",
        ".prettierrc.js": "editors run it as a formatter's settings",
        "prettier.config.js": "editors run it as a formatter's settings",
        ".cursorrules": "instructs coding agents", "copilot-instructions.md": "instructs coding agents",
    ]
}
