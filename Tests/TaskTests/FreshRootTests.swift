// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// Whoever gets a bundle has another machine, and another user on it.
@Suite("reproduction in a fresh root", .timeLimit(.minutes(25)))
struct FreshRootTests {
    /// A finished task of one type whose agent is a script, as root or as an ordinary user.
    private struct Bundle {
        let installation: Installation
        let scene: ForgeScene
        let uid: UInt32
        let directory: String
        let key: String

        static let findings =
            "{\"version\": 1, \"summary\": \"s\", \"findings\": [{\"file\": \"file\", \"line\": 1, "
            + "\"severity\": \"major\", \"comment\": \"only half\"}]}"

        init(_ type: String, as uid: UInt32) throws {
            installation = try Installation()
            scene = try ForgeScene()
            self.uid = uid
            if type == "new_task" { try scene.issue(3, body: "It is broken.") } else { try scene.pull(5) }
            let agent = try scene.file(
                "agent.sh",
                type == "pr_review"
                    ? "set -e; grep -q '^+half' /run/sallyport/change.patch\n"
                        + "printf '%s' '\(Self.findings)' >$SALLYPORT_FINDINGS\n"
                    : "echo fixed > file\n")
            let home = scene.scene.sallyport.home
            directory = home.at("me/delivered")
            try home.directory("me")
            var arguments = [
                "task", "run", "--forge", scene.forge, "--type", type, "--agent-script", agent, "--out", directory,
            ]
            arguments += type == "new_task" ? ["--issue", "3"] : ["--pr", "5"]
            if type != "pr_review" { arguments += ["--test-command", TaskScene.test] }
            // One id and no groups of its own is what an ordinary user has everywhere.
            if uid != 0 { arguments += ["--profile", "strict-rlimit"] }
            for place in ["me", "forge"] {
                try #require(try Command("/bin/chown", ["-R", "\(uid)", home.at(place)]).run().code == 0)
            }
            let become = uid == 0 ? [] : Installation.become(uid)
            let words = become + [installation.sallyport] + arguments
            var command = Command(words[0], Array(words.dropFirst()))
            command.environment = [
                "PATH": "/usr/bin:/bin", "HOME": home.at("me"), "XDG_RUNTIME_DIR": home.at("me/run"), "LANG": "C.UTF-8",
                "SALLYPORT_STATE_DIR": home.at("me/state"),
            ]
            if uid == 0 { command.environment["SALLYPORT_RUNTIME_DIR"] = scene.scene.sallyport.runtime }
            command.directory = home.at("me")
            let done = try command.run()
            try #require(done.code == 0, "\(done.errorText)")
            key = home.at("me/state/keys/evidence.pub")
        }

        /// What the task left, as its evidence names it.
        func product() throws -> String {
            let file = directory + "/evidence.json"
            let evidence = try JSONParser.parse(try #require(contents(file)))
            let found =
                evidence["type"] == "pr_review"
                ? evidence["files"]?["work.findings"] : evidence["delivered"]?["tree"]
            return try #require(found?.stringValue)
        }
    }

    @Test(
        "a bundle of each type comes out equal for root of another machine",
        .requires(.root), .requires(.git), .requires(.runner), arguments: ["new_task", "pr_iteration", "pr_review"])
    func root(_ type: String) throws {
        let bundle = try Bundle(type, as: 0)
        let done = try FreshRoot(bundle.installation).reproduce(bundle.directory, key: bundle.key, as: 0)
        #expect(done.code == 0 && !done.text.contains("differs"), "\(done.text)\(done.errorText)")
        #expect(done.lines.contains { $0.hasPrefix("plan        equal  ") }, "\(done.text)")
        let name = type == "pr_review" ? "findings    equal  " : "tree        equal  "
        #expect(done.lines.last == name + (try bundle.product()), "\(done.text)")
    }

    @Test(
        "a bundle of an ordinary user comes out equal for another one on another machine",
        .requires(.root), .requires(.rootless), .requires(.git), .requires(.runner),
        arguments: ["new_task", "pr_iteration", "pr_review"])
    func user(_ type: String) throws {
        let bundle = try Bundle(type, as: 4242)
        let done = try FreshRoot(bundle.installation).reproduce(bundle.directory, key: bundle.key, as: 4343)
        #expect(done.code == 0 && !done.text.contains("differs"), "\(done.text)\(done.errorText)")
        #expect(done.lines.contains { $0.hasPrefix("plan        equal  ") }, "\(done.text)")
        let name = type == "pr_review" ? "findings    equal  " : "tree        equal  "
        #expect(done.lines.last == name + (try bundle.product()), "\(done.text)")
    }

    @Test(
        "what is different there is named: the root file system, the profile, and who the caller is",
        .requires(.root), .requires(.rootless), .requires(.git), .requires(.runner))
    func named() throws {
        let bundle = try Bundle("new_task", as: 0)
        let fresh = try FreshRoot(bundle.installation)
        let updated = try fresh.reproduce(
            bundle.directory, key: bundle.key, as: 0, packages: "\nPackage: one-more\nVersion: 1\n")
        // Another list of packages makes another host of it, and no other sandbox.
        #expect(updated.code == 0, "\(updated.text)\(updated.errorText)")
        let differences = updated.lines.filter { $0.hasPrefix("differs") }
        #expect(differences.count == 1 && differences[0].hasPrefix("differs     rootfs content: "), "\(differences)")
        let other = try fresh.reproduce(bundle.directory, key: bundle.key, as: 0, ["--profile", "strict"])
        #expect(other.code == 1 && other.text.contains("plan        NOT EQUAL"), "\(other.text)\(other.errorText)")
        #expect(other.text.contains("differs     profile limits.pids: \"1024\" recorded, \"256\" here"))
        let rootless = try fresh.reproduce(
            bundle.directory, key: bundle.key, as: 4343, ["--profile", "strict-rlimit"])
        #expect(rootless.code == 1, "\(rootless.text)\(rootless.errorText)")
        #expect(rootless.text.contains("differs     user: root recorded, other here"), "\(rootless.text)")
        #expect(rootless.text.contains("differs     plan mode: host recorded, rootless here"), "\(rootless.text)")
        // The script does the same all the same.
        #expect(rootless.text.contains("tree        equal  " + (try bundle.product())), "\(rootless.text)")
    }
}
