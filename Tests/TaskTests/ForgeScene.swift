// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

/// A repository with a red test in a local forge, and an operator who runs tasks on it.
struct ForgeScene {
    let scene: TaskScene
    let forge: String
    var repository: String { forge + "/repository.git" }
    private var home: Scratch { scene.sallyport.home }

    init() throws {
        scene = try TaskScene()
        forge = try scene.sallyport.home.directory("forge")
        for name in ["issues", "pulls"] { try home.directory("forge/" + name) }
        try home.file("forge/forge.json", "{\"version\": 1}\n")
        try scene.git(scene.sallyport.home.path, "clone", "--quiet", "--bare", scene.repository, repository)
    }

    func issue(_ number: Int, body: String, state: String = "open") throws {
        let json: JSON = [
            "number": .int(number), "title": "Fix the file", "body": .string(body), "state": .string(state),
            "author": "ann",
        ]
        try home.file("forge/issues/\(number).json", json.compactText)
    }

    /// Makes a branch with one commit in the forge and a pull request from it; returns the commit.
    @discardableResult
    func pull(
        _ number: Int, head: String = "feature/x", state: String = "open", fork: String? = nil,
        threads: [(file: String, line: Int, text: String)] = [], content: String = "half\n"
    ) throws -> String {
        let work = scene.repository
        try scene.git(work, "checkout", "--quiet", "-b", head, "main")
        try home.file("repository/file", content)
        try home.file("repository/AGENTS.md", "Rules of the pull request itself.\n")
        try scene.git(work, "add", "--all")
        try scene.git(work, "commit", "--quiet", "-m", "half of it")
        let commit = try scene.git(work, "rev-parse", "HEAD")
        try scene.git(work, "push", "--quiet", repository, head)
        try scene.git(work, "checkout", "--quiet", "main")
        let listed = threads.enumerated().map { index, thread -> JSON in
            [
                "number": .int(index + 1), "file": .string(thread.file), "line": .int(thread.line), "resolved": false,
                "comments": [["author": "ann", "body": .string(thread.text), "created": 1]],
            ]
        }
        let json: JSON = [
            "number": .int(number), "title": "Half of it", "body": "Please look.", "state": .string(state),
            "author": "ann", "base": "main", "head": .string(head), "head_repository": .optional(fork),
            "threads": .array(listed),
        ]
        try home.file("forge/pulls/\(number).json", json.compactText)
        return commit
    }

    func record(_ name: String) throws -> JSON {
        let file = "\(forge)/\(name).json"
        return try JSON.read(try #require(contents(file)), file: file)
    }

    func branches() throws -> String { try scene.git(repository, "for-each-ref", "--format=%(refname:short)") }

    /// One task with the forge.
    func task(_ arguments: [String], agent: String, test: String? = TaskScene.test) throws -> Delivery {
        let directory = home.at("delivered")
        var all = ["task", "run", "--forge", forge, "--agent-command", agent, "--out", directory] + arguments
        if let test { all += ["--test-command", test] }
        return try Delivery(try scene.sallyport.command(all).run(), directory: directory)
    }

    @discardableResult
    func file(_ name: String, _ text: String) throws -> String { try home.file(name, text) }
}
