// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

extension HostNeed {
    /// scripts/build puts the runner, a package of its own, beside the other programs.
    static let runner = HostNeed("runner") { access(Executables.path("sallyport-runner"), X_OK) == 0 }
}

/// A repository with a red test, and an operator who runs tasks on it.
struct TaskScene {
    let sallyport: Sallyport
    let repository: String

    /// The test of the repository: passes once the file says so.
    static let test = "grep -qx fixed file"

    init() throws {
        sallyport = try Sallyport()
        repository = try sallyport.home.directory("repository")
        try sallyport.home.file("repository/file", "broken\n")
        try sallyport.home.file("repository/.gitignore", "ignored\n")
        try git(repository, "init", "--quiet", "--initial-branch=main")
        try git(repository, "add", "--all")
        try git(repository, "commit", "--quiet", "-m", "first")
    }

    /// Runs git with nothing of the user's configuration.
    @discardableResult
    func git(_ directory: String, _ arguments: String...) throws -> String {
        var command = Command("/usr/bin/git", ["-C", directory] + arguments)
        command.environment = [
            "PATH": "/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "LC_ALL": "C",
            "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@test.invalid", "GIT_COMMITTER_NAME": "c",
            "GIT_COMMITTER_EMAIL": "c@test.invalid",
        ]
        let done = try command.run()
        try #require(done.code == 0, "git \(arguments): \(done.errorText)")
        var text = done.text
        while text.hasSuffix("\n") { text.removeLast() }
        return text
    }

    /// One task, and what it delivered.
    func task(
        agent: String, test: String? = TaskScene.test, text: String = "Fix the file", options: [String] = []
    ) throws -> Delivery {
        let directory = sallyport.home.at("delivered")
        var arguments = [
            "task", "run", "--repo", repository, "--task", text, "--agent-command", agent, "--deliver", directory,
        ]
        if let test { arguments += ["--test-command", test] }
        let finished = try sallyport.command(arguments + options).run()
        return try Delivery(finished, directory: directory)
    }

    /// A task that cannot start; nothing may be left of it.
    func failing(_ arguments: [String]) throws -> Finished {
        let done = try sallyport.command(["task", "run"] + arguments).run()
        #expect(names(sallyport.state + "/tasks").isEmpty)
        return done
    }

    /// Every file of the repository with its bytes, mode, owner and time of change.
    func fingerprint() throws -> String {
        let command = Command(
            "/bin/sh",
            [
                "-c",
                "cd \"$1\" && find . -printf '%p %m %U %T@ %s\\n' | sort && find . -type f -exec sha256sum {} + | sort",
                "sh", repository,
            ])
        let text = try command.run().text
        try #require(text.contains("./.git/HEAD"))
        return text
    }
}

/// What a task left.
struct Delivery {
    let finished: Finished
    let directory: String
    let evidence: JSON?

    init(_ finished: Finished, directory: String) throws {
        self.finished = finished
        self.directory = directory
        let file = directory + "/evidence.json"
        evidence = try contents(file).map { try JSON.read($0, file: file) }
    }

    var outcome: String? { evidence?["outcome"]?.stringValue }
    var commit: String? { evidence?["delivered"]?["commit"]?.stringValue }
    var branch: String? { evidence?["delivered"]?["branch"]?.stringValue }
    var repository: String { directory + "/result.git" }
    func test(_ label: String) -> String? { evidence?["observed"]?[label]?["test"]?.stringValue }
}
