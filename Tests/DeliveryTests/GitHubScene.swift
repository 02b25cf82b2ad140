// SPDX-License-Identifier: Apache-2.0
import Documents
import LinuxSystem
import Synchronization
import TaskModel
import TestSupport
import Testing
import Workspace

@testable import Delivery

/// A repository at a GitHub Enterprise server of one test, and a clock that lets no time pass.
final class GitHubScene: Sendable {
    static let token = "canary-0123456789-abcdefghij"
    static let bearer = "Bearer \(token)"
    static let now = 1_790_000_000_000
    static let repository = "/api/v3/repos/octo/repo"
    static let graph = "/api/graphql"

    /// Notes how long was waited, and waits no time.
    final class Waits: Sendable {
        private let pauses = Mutex<[Int]>([])

        var all: [Int] { pauses.withLock { $0 } }
        var clock: ForgeClock {
            ForgeClock(now: { GitHubScene.now }, wait: { pause in self.pauses.withLock { $0.append(pause) } })
        }
    }

    let server: ContractServer
    private let clock = Waits()

    init(_ calls: [ContractServer.Call] = []) throws { server = try ContractServer(calls) }

    /// How long was waited, each time.
    var waits: [Int] { clock.all }

    func client(_ token: String = GitHubScene.token) throws -> GitHubClient {
        try GitHubClient(
            try GitHubAddress(repository: "octo/repo", server: server.url),
            credential: Secret(copying: Array(token.utf8)),
            clock: clock.clock)
    }

    /// The forge as a task has it: each call goes through its written form to where it is done.
    func forge(_ token: String = GitHubScene.token) throws -> RelayedForge {
        let client = try client(token)
        return RelayedForge { (call) throws(ForgeError) in
            RelayedForge.answer { () throws(ForgeError) in
                try ForgeCall(JSONWriter().write(call.json)).perform(client)
            }
        }
    }

    /// All that was expected came, and nothing else.
    var isKept: Bool {
        if !server.flaws.isEmpty || server.left > 0 { print("flaws: \(server.flaws), left: \(server.left)") }
        return server.flaws.isEmpty && server.left == 0
    }

    static func call(_ method: String, _ path: String) -> ContractServer.Call {
        .init(method, repository + path, bearer)
    }

    static func query(_ variables: JSON, _ words: String) -> ContractServer.Call {
        ContractServer.Call("POST", graph, bearer).checking { body in
            guard body["variables"] == variables else { return "its variables are \(body.compactText)" }
            guard body["query"]?.stringValue?.contains(words) == true, body.objectValue?.count == 2 else {
                return "its query is another: \(body.compactText)"
            }
            return nil
        }
    }

    // MARK: Documented shapes, with members that nobody reads

    static let user: JSON = ["login": "ann", "id": 7, "type": "User"]

    static func issue(_ number: Int, state: String = "open") -> JSON {
        [
            "id": 1, "node_id": "I_1", "number": .int(number), "title": "It breaks", "body": "At night.",
            "user": user, "state": .string(state), "locked": false, "comments": 1, "labels": [],
            "created_at": "2026-01-02T03:04:05Z",
        ]
    }

    static func comment(_ body: String, _ login: String? = "bob") -> JSON {
        [
            "id": 2, "body": .string(body), "user": login.map { ["login": .string($0)] } ?? .null,
            "created_at": "2026-01-02T03:04:05Z", "author_association": "NONE",
        ]
    }

    static func pull(
        _ number: Int, state: String = "open", head: String = "feature/x", fork: String? = nil, merged: JSON = nil,
        base: String = "octo/repo"
    ) -> JSON {
        [
            "id": 3, "number": .int(number), "state": .string(state), "title": "Half of it", "body": nil, "user": user,
            "merged_at": merged, "draft": false,
            "head": [
                "ref": .string(head), "sha": "a", "repo": ["full_name": .string(fork ?? "Octo/Repo"), "private": true],
            ],
            "base": ["ref": "main", "sha": "b", "repo": ["full_name": .string(base)]],
        ]
    }

    static func threads(_ nodes: [JSON], next: String? = nil) -> JSON {
        [
            "data": [
                "repository": [
                    "pullRequest": [
                        "reviewThreads": [
                            "pageInfo": ["hasNextPage": .bool(next != nil), "endCursor": .optional(next)],
                            "nodes": .array(nodes),
                        ]
                    ]
                ]
            ]
        ]
    }

    static func thread(_ key: String, resolved: Bool = false, line: Int? = 3) -> JSON {
        [
            "id": .string(key), "isResolved": .bool(resolved), "path": "a.c", "line": .optional(line),
            "comments": [
                "pageInfo": ["hasNextPage": false],
                "nodes": [["author": ["login": "ann"], "body": "only half", "createdAt": "2026-01-02T03:04:05Z"]],
            ],
        ]
    }
}
