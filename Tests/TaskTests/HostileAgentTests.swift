// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// Agents that aim at the host's handling of what they leave (reference: threats G01-G16).
@Suite("hostile agents", .timeLimit(.minutes(25)))
struct HostileAgentTests {
    private static let fix = "echo fixed > file; "

    @Test("descriptors 3 and 4 are not the agent's", .requires(.root), .requires(.git), .requires(.runner))
    func descriptors() throws {
        let scene = try TaskScene()
        let done = try scene.task(
            agent: Self.fix
                + "for n in 3 4; do if [ -e /proc/$$/fd/$n ]; then echo \"open $n\"; else echo \"closed $n\"; fi; done")
        #expect(done.outcome == "verified")
        let log = try #require(text(done.directory + "/work.log"))
        #expect(log.contains("closed 3") && log.contains("closed 4") && !log.contains("open "))
    }

    @Test(
        "a history with an entry that a checkout could be tricked with is refused, and nothing of it is taken",
        .requires(.root), .requires(.git), .requires(.runner),
        arguments: [
            (
                "blob=$(git hash-object -w file); tree=$(printf '100644 blob %s\\t.GIT\\n' $blob | git mktree)",
                "named like"
            ),
            ("tree=$(printf '160000 commit %s\\tlib\\n' $(git rev-parse HEAD) | git mktree)", "is a submodule"),
        ])
    func trickyTree(_ plant: String, _ flaw: String) throws {
        let scene = try TaskScene()
        let done = try scene.task(
            agent:
                "\(plant); commit=$(git commit-tree -p HEAD -m x $tree) && git update-ref HEAD $commit && echo planted; "
                + Self.fix)
        // The positive control: git inside made that history.
        #expect(text(done.directory + "/work.log")?.contains("planted") == true)
        #expect(
            done.finished.code == 1 && done.outcome == "refused" && done.commit == nil, "\(done.finished.errorText)")
        #expect(done.evidence?["refusal"]?.stringValue?.contains(flaw) == true)
        #expect(try scene.git(done.repository, "for-each-ref", "--format=%(refname)") == "refs/heads/base")
        #expect(!names(done.directory).contains("result.bundle"))
        #expect(names(done.directory).contains("work.bundle"))
    }

    @Test(
        "the runner's export cannot be written by another process", .requires(.root), .requires(.git),
        .requires(.runner))
    func forgedExport() throws {
        let scene = try TaskScene()
        let done = try scene.task(
            agent: Self.fix + "ls /proc/$PPID/fd; printf garbage > /proc/$PPID/fd/3 && echo written")
        let log = try #require(text(done.directory + "/work.log"))
        // It can be seen, since the runner is inside the agent's trust, but the pipe belongs to the supervisor.
        #expect(log.contains("\n3\n") && log.contains("/fd/3: Permission denied") && !log.contains("written"))
        #expect(done.outcome == "agent_failed" && done.commit != nil)
    }

    @Test("a success that the runner is made to claim is none", .requires(.root), .requires(.git), .requires(.runner))
    func killedRunner() throws {
        let scene = try TaskScene()
        let done = try scene.task(agent: "kill -9 $PPID")
        #expect(done.finished.code == 1 && done.outcome == "killed" && done.commit == nil)
    }

    @Test(
        "hooks, filters and drivers in the tree run nowhere on the host",
        .requires(.root), .requires(.git), .requires(.runner))
    func configuration() throws {
        let scene = try TaskScene()
        let marker = scene.sallyport.home.at("marker")
        let plant = """
            for key in core.fsmonitor diff.external core.pager filter.x.clean filter.x.smudge core.sshCommand; do
                git config $key 'touch \(marker); cat'
            done
            echo '* filter=x diff=x' > .gitattributes
            printf '[core]\\n\\tfsmonitor = touch \(marker)\\n' > config
            mkdir -p .git/hooks objects refs
            for hook in pre-commit post-commit post-checkout post-merge; do
                printf '#!/bin/sh\\ntouch \(marker)\\n' > .git/hooks/$hook; chmod +x .git/hooks/$hook
            done
            echo 'ref: refs/heads/main' > HEAD
            """
        let done = try scene.task(agent: Self.fix + plant)
        #expect(done.outcome == "verified")
        #expect(try scene.git(done.repository, "ls-tree", "--name-only", try #require(done.commit)).contains("HEAD"))
        #expect(access(marker, F_OK) != 0)
        #expect(text(done.repository + "/config")?.contains("touch") == false)
    }

    @Test("names with escapes reach no terminal", .requires(.root), .requires(.git), .requires(.runner))
    func escapes() throws {
        let scene = try TaskScene()
        let done = try scene.task(
            agent: Self.fix + "touch \"$(printf 'a\\nb\\033]0;owned\\007\\377')\"; printf '\\033[2J'",
            text: "Fix \u{1B}[31m it")
        #expect(done.outcome == "verified")
        #expect(done.finished.text.contains("a\\x0ab\\x1b]0;owned\\x07\\xff"))
        let shown = done.finished.output + done.finished.errors
        #expect(!shown.contains(0x1B) && !shown.contains(0x07) && shown.allSatisfy { $0 < 0x80 })
        let evidence = try #require(contents(done.directory + "/evidence.json"))
        #expect(!evidence.contains(0x1B))
    }

    @Test(
        "what is delivered belongs to the caller, without other modes or kinds of file",
        .requires(.root), .requires(.git), .requires(.runner))
    func ownership() throws {
        let scene = try TaskScene()
        let done = try scene.task(agent: Self.fix)
        let listing = try Command(
            "/usr/bin/find",
            [
                done.directory, "(", "!", "-uid", "0", "-o", "!", "-gid", "0", "-o", "-perm", "/7022", "-o", "!",
                "-type", "f", "!", "-type", "d", ")",
            ]
        ).run()
        #expect(listing.code == 0 && listing.text == "")
        #expect(names(done.directory).contains("result.git") && !names(done.directory).contains("quarantine"))
    }
}
