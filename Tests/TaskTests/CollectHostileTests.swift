// SPDX-License-Identifier: Apache-2.0
import Glibc
import TestSupport
import Testing

/// Rows G01 to G16 of the catalogue, through `collect`: a trap that stock git springs, and that springs for nobody here.
@Suite("hostile directories", .timeLimit(.minutes(25)))
struct CollectHostileTests {
    /// A trap in a left directory, and what springs it.
    struct Trap: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// Run in the left directory; `$1` is the command that leaves a mark.
        let plant: String
        /// What a person might run there.
        let springs: String

        init(_ name: String, plant: String, springs: String) {
            testDescription = name
            self.plant = plant
            self.springs = springs
        }
    }

    /// Where a trap leaves its mark: any id may write there, so that only not running it keeps it away.
    static func mark(_ scene: CollectScene) throws -> String {
        try scene.home.directory("marks", mode: 0o777) + "/mark"
    }

    private func shell(_ scene: CollectScene, in directory: String, _ script: String, mark: String) throws {
        var command = Command("/bin/sh", ["-c", script, "sh", "touch \(mark)"])
        command.environment = CollectScene.environment
        command.directory = directory
        // Stock git may fail at what the trap breaks; the mark counts.
        _ = try command.run()
    }

    /// Plants a trap, sees it spring for stock git in a copy, and collects.
    private func hold(_ trap: Trap) throws {
        let scene = try CollectScene()
        let mark = try Self.mark(scene)
        let planted = try Command("/bin/sh", ["-c", trap.plant, "sh", "touch \(mark)"]).in(scene.left).run()
        try #require(planted.code == 0, "\(planted.errorText)")
        try #require(access(mark, F_OK) != 0, "planting alone left a mark")
        let copy = scene.home.at("copy")
        try #require(try Command("/bin/cp", ["-a", scene.left, copy]).run().code == 0)
        try shell(scene, in: copy, trap.springs, mark: mark)
        #expect(access(mark, F_OK) == 0, "the trap is not armed: \(trap.springs)")
        unlink(mark)

        let receiver = scene.home.at("receiver.git")
        try CollectScene.git(scene.home.path, "init", "--quiet", "--bare", receiver)
        let done = try scene.collect(["--base", scene.base, "--push", receiver])
        #expect(done.code == 0 && done.outcome == "delivered", "\(done.finished.errorText)\(done.refusal)")
        #expect(try done.git("fsck", "--strict") == "")
        #expect(access(mark, F_OK) != 0, "collect sprang the trap")
        // Nor does what was delivered spring anything in the hands of stock git.
        try shell(scene, in: done.repository, "git log -p --all; git status; git gc --quiet; git -p log", mark: mark)
        try shell(scene, in: receiver, "git log -p --all; git gc --quiet", mark: mark)
        #expect(access(mark, F_OK) != 0, "the result springs it")
    }

    static let hooks = [
        Trap(
            "hooks",
            plant: """
                for hook in pre-commit post-commit post-checkout post-merge pre-push post-index-change reference-transaction; do
                    printf '#!/bin/sh\\n%s\\n' "$1" > .git/hooks/$hook; chmod +x .git/hooks/$hook
                done
                """, springs: "git commit --allow-empty -m x"),
        Trap(
            "hooks in the tree",
            plant: """
                mkdir hooks; printf '#!/bin/sh\\n%s\\n' "$1" > hooks/post-checkout; chmod +x hooks/post-checkout
                git config core.hooksPath hooks
                """, springs: "git checkout -b other"),
    ]

    @Test("G01: no hook runs", .requires(.root), .requires(.git), arguments: hooks)
    func g01(_ trap: Trap) throws { try hold(trap) }

    @Test("G02: no file system monitor runs", .requires(.root), .requires(.git))
    func g02() throws {
        try hold(Trap("fsmonitor", plant: "git config core.fsmonitor \"$1; false\"", springs: "git status"))
    }

    static let filters = [
        Trap(
            "clean and smudge",
            plant: """
                git config filter.x.clean "$1; cat"; git config filter.x.smudge "$1; cat"
                echo '* filter=x' > .gitattributes; echo changed > file
                """, springs: "git add --all"),
        Trap(
            "process",
            plant: "git config filter.x.process \"$1\"; echo '* filter=x' > .git/info/attributes; echo c > file",
            springs: "git add --all"),
        Trap(
            "attributes file",
            plant: """
                echo '* filter=x' > .git/elsewhere; git config core.attributesFile .git/elsewhere
                git config filter.x.clean "$1; cat"; echo changed > file
                """, springs: "git add --all"),
    ]

    @Test("G03: no filter runs", .requires(.root), .requires(.git), arguments: filters)
    func g03(_ trap: Trap) throws { try hold(trap) }

    static let drivers = [
        Trap("external diff", plant: "git config diff.external \"$1; true\"; echo c > file", springs: "git diff"),
        Trap(
            "diff command",
            plant: "git config diff.x.command \"$1; true\"; echo '* diff=x' > .gitattributes; echo c > file",
            springs: "git diff"),
        Trap(
            "text conversion",
            plant: "git config diff.x.textconv \"$1; cat\"; echo '* diff=x' > .gitattributes; echo c > file",
            springs: "git diff"),
        Trap(
            "merge driver",
            plant: """
                git config merge.x.driver "$1; true"; echo '* merge=x' > .git/info/attributes
                git -c user.name=a -c user.email=a@b checkout -q -b side HEAD^; echo side > file
                git -c user.name=a -c user.email=a@b commit -qam side; git checkout -q main
                """, springs: "git merge -m x side"),
        Trap(
            "filter of an interactive difference",
            plant: "git config interactive.diffFilter \"$1; cat\"; echo c > file",
            springs: "echo q | TERM=xterm setsid -w script -qec 'git add -p' /dev/null"),
        Trap(
            "tool for differences",
            plant:
                "git config diff.tool x; git config difftool.x.cmd \"$1\"; git config difftool.prompt false; echo c > file",
            springs: "git difftool"),
        Trap(
            "tool for merges",
            plant: """
                git config merge.tool x; git config mergetool.x.cmd "$1"; git config mergetool.x.trustExitCode true
                git -c user.name=a -c user.email=a@b checkout -q -b side HEAD^; echo side > file
                git -c user.name=a -c user.email=a@b commit -qam side; git checkout -q main
                """, springs: "git merge -q -m x side; git mergetool --no-prompt < /dev/null"),
    ]

    @Test("G04: no driver of differences or merges runs", .requires(.root), .requires(.git), arguments: drivers)
    func g04(_ trap: Trap) throws { try hold(trap) }

    static let transports = [
        Trap(
            "ssh command", plant: "git config core.sshCommand \"$1; false\"; git remote add o ssh://host.invalid/x",
            springs: "git fetch o"),
        Trap(
            "git proxy",
            plant: """
                printf '#!/bin/sh\\n%s\\n' "$1" > .git/proxy; chmod +x .git/proxy
                git config core.gitProxy .git/proxy; git remote add o git://host.invalid/x
                """, springs: "git fetch o"),
        Trap(
            "programs of a remote",
            plant: """
                git remote add o .; git config remote.o.uploadpack "$1; git-upload-pack"
                git config remote.o.receivepack "$1; git-receive-pack"
                """, springs: "git fetch o"),
        Trap(
            "address rewritten",
            plant: """
                git config "url.ext::sh -c $(echo "$1" | sed 's/ /% /g') .insteadOf" /
                git config protocol.ext.allow always
                """, springs: "git fetch /somewhere"),
        Trap(
            "helper that is named as a protocol",
            plant: """
                mkdir .git/bin; printf '#!/bin/sh\\n%s\\n' "$1" > .git/bin/git-remote-x; chmod +x .git/bin/git-remote-x
                git remote add o x; git config remote.o.vcs x
                """, springs: "PATH=.git/bin:$PATH git fetch o"),
        Trap(
            "program that asks for a password",
            plant:
                "git config core.askPass \"$PWD/.git/ask\"; printf '#!/bin/sh\\n%s\\n' \"$1\" > .git/ask; chmod +x .git/ask",
            springs: "printf 'protocol=https\\nhost=x\\n\\n' | setsid -w git credential fill"),
        Trap(
            "credential helper",
            plant: "git config credential.helper \"!$1; true\"",
            springs: "printf 'protocol=https\\nhost=x\\n\\n' | git credential fill"),
    ]

    @Test("G05: no transport is the directory's own", .requires(.root), .requires(.git), arguments: transports)
    func g05(_ trap: Trap) throws { try hold(trap) }

    static let programs = [
        Trap("alias", plant: "git config alias.st \"!$1\"", springs: "git st"),
        Trap("editor", plant: "git config core.editor \"$1; true\"", springs: "git commit --allow-empty"),
        Trap(
            "signing",
            plant:
                "echo \"$1\" > .git/sign; chmod +x .git/sign; git config gpg.program .git/sign; git config commit.gpgSign true",
            springs: "git commit --allow-empty -m x"),
        Trap(
            "pager", plant: "git config core.pager \"$1; cat\"", springs: "setsid -w script -qec 'git log' /dev/null"),
        Trap(
            "pager of one command", plant: "git config pager.branch \"$1; cat\"",
            springs: "setsid -w script -qec 'git branch' /dev/null"),
        Trap(
            "signing with ssh",
            plant: """
                printf '#!/bin/sh\\n%s\\n' "$1" > .git/sign; chmod +x .git/sign; git config gpg.ssh.program .git/sign
                git config gpg.format ssh; git config user.signingKey key::x; git config commit.gpgSign true
                """, springs: "git commit --allow-empty -m x"),
        Trap(
            "browser", plant: "git config browser.x.cmd \"$1; true\"; git config web.browser x",
            springs: "git web--browse http://host.invalid/"),
        Trap(
            "manual", plant: "git config man.viewer x; git config man.x.cmd \"$1; true\"", springs: "git help -m log"),
        Trap(
            "sequence editor", plant: "git config sequence.editor \"$1; true\"", springs: "git rebase -i HEAD^"),
        Trap(
            "trailer", plant: "git config trailer.x.command \"$1; echo y\"; git config trailer.x.key x",
            springs: "printf 'title\\n' | git interpret-trailers --trailer x=1"),
    ]

    @Test("G06: no program that the configuration names runs", .requires(.root), .requires(.git), arguments: programs)
    func g06(_ trap: Trap) throws { try hold(trap) }

    static let includes = [
        Trap(
            "include", plant: "printf '[alias]\\n\\tst = \"!%s\"\\n' \"$1\" > .git/more; git config include.path more",
            springs: "git st"),
        Trap(
            "conditional include",
            plant: "printf '[alias]\\n\\tst = \"!%s\"\\n' \"$1\" > .git/more; git config includeIf.gitdir:/.path more",
            springs: "git st"),
        Trap(
            "configuration of a working tree",
            plant: """
                git config extensions.worktreeConfig true
                printf '[core]\\n\\tfsmonitor = "%s; false"\\n' "$1" > .git/config.worktree
                """, springs: "git status"),
    ]

    @Test("G07: no included configuration counts", .requires(.root), .requires(.git), arguments: includes)
    func g07(_ trap: Trap) throws { try hold(trap) }

    @Test("G07: nothing that an environment tells git is heard", .requires(.root), .requires(.git))
    func g07Environment() throws {
        let scene = try CollectScene()
        let mark = try Self.mark(scene)
        let receiver = scene.home.at("receiver.git")
        try CollectScene.git(scene.home.path, "init", "--quiet", "--bare", receiver)
        try scene.home.directory("template")
        let hostile = [
            "GIT_DIR": scene.home.at("elsewhere"), "GIT_WORK_TREE": "/etc", "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": "core.fsmonitor", "GIT_CONFIG_VALUE_0": "touch \(mark); false",
            "GIT_CONFIG_KEY_1": "core.sshCommand", "GIT_CONFIG_VALUE_1": "touch \(mark)",
            "GIT_EXTERNAL_DIFF": "touch \(mark)", "GIT_SSH_COMMAND": "touch \(mark)", "GIT_PAGER": "touch \(mark)",
            "GIT_ASKPASS": "/bin/touch", "GIT_PROXY_COMMAND": "/bin/touch", "GIT_OBJECT_DIRECTORY": "/etc",
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": "/etc", "GIT_INDEX_FILE": "/etc/passwd",
            "GIT_TRACE": scene.home.at("trace"),
            "GIT_TEMPLATE_DIR": scene.home.at("template"), "GIT_EXEC_PATH": scene.home.at("template"),
            "GIT_CONFIG_PARAMETERS": "'core.fsmonitor=touch \(mark)'", "GIT_REPLACE_REF_BASE": "refs/heads/",
        ]
        // Armed: the same environment has stock git run it.
        var stock = Command("/usr/bin/git", ["-C", scene.left, "status"])
        stock.environment = CollectScene.environment.merging(
            hostile.filter {
                $0.key.hasPrefix("GIT_CONFIG_COUNT") || $0.key.hasPrefix("GIT_CONFIG_KEY")
                    || $0.key.hasPrefix("GIT_CONFIG_VALUE")
            }
        ) { $1 }
        _ = try stock.run()
        #expect(access(mark, F_OK) == 0)
        unlink(mark)
        var command = Command(
            Executables.sallyport,
            ["collect", scene.left, "--out", scene.home.at("out"), "--base", scene.base, "--push", receiver])
        command.environment = hostile.merging(["PATH": "/usr/bin:/bin"]) { $1 }
        let done = try Collected(try command.run(), directory: scene.home.at("out"))
        #expect(done.code == 0, "\(done.refusal)\(done.finished.errorText)")
        #expect(access(mark, F_OK) != 0 && access(scene.home.at("trace"), F_OK) != 0)
        #expect(try CollectScene.git(receiver, "rev-parse", "sallyport/collected/main") == done.commit)
    }

    @Test("G07: a working tree that lies elsewhere is not looked at", .requires(.root), .requires(.git))
    func g07WorkTree() throws {
        let scene = try CollectScene()
        try scene.home.directory("elsewhere")
        try scene.home.file("elsewhere/victim", "of the host\n")
        try scene.git("config", "core.worktree", scene.home.at("elsewhere"))
        try scene.git("add", "--all")
        #expect(try scene.git("diff", "--cached", "--name-only").contains("victim"))
        let watch = try OpenWatch(beneath: [scene.home.at("elsewhere")])
        let done = try scene.collect(["--base", scene.base])
        #expect(done.code == 0)
        #expect(try done.git("ls-tree", "-r", "--name-only", try #require(done.commit)) == ".gitignore\nfile\nsrc/deep")
        #expect(watch.events() == [])
    }
}

extension Command {
    /// The same command, run in a directory with git's environment.
    func `in`(_ directory: String) -> Command {
        var command = self
        command.directory = directory
        command.environment = CollectScene.environment
        return command
    }
}
