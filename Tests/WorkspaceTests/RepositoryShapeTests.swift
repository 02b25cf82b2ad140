// SPDX-License-Identifier: Apache-2.0
import Foundation
import LinuxSystem
import Testing

@testable import Workspace

@Suite("shape of a delivered repository")
struct RepositoryShapeTests {
    /// What a step that was taken over could leave in a bare repository with one branch; `$1` is what a trap runs.
    private static let traps = """
        for hook in pre-receive update post-receive reference-transaction post-checkout; do
            mkdir -p hooks; printf '#!/bin/sh\\n%s\\n' "$1" > hooks/$hook; chmod +x hooks/$hook
        done
        git config alias.st "!$1"; git config include.path more; git config core.fsmonitor "$1; false"
        printf '[alias]\\n\\tmore = "!%s"\\n' "$1" > more; cp more config.worktree
        """
    private static let lures = """
        mkdir -p objects/info objects/11 info refs/tags refs/replace worktrees/w modules/m logs
        git rev-parse main | tee info/grafts shallow refs/tags/v1 refs/replace/$(git rev-parse main) > packed-refs
        echo /etc > objects/info/alternates; echo http://evil.invalid/ > objects/info/http-alternates
        for name in objects/info/commit-graph objects/pack/multi-pack-index objects/pack/pack-x.keep refs/heads/rubbish \\
            objects/11/11111111111111111111111111111111111111; do echo rubbish > $name; done
        echo 'ref: ../../etc/passwd' > refs/heads/leads; head -c 5000 /dev/zero > refs/heads/long; : > refs/heads/empty
        echo '* filter=x' > info/attributes; echo ../elsewhere > commondir; echo 'ref: refs/heads/../../x' > HEAD
        """

    private func shell(_ script: String, in directory: String, _ argument: String = "") throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-euc", script, "sh", argument]
        process.environment = Scratch.environment
        process.currentDirectoryURL = URL(fileURLWithPath: directory)
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "\(script)")
    }

    @Test("nothing stays of what is no object and no branch, and the configuration is ours")
    func settled() throws {
        let scratch = try Scratch()
        let first = try scratch.makeRepository()
        let bare = "\(scratch.path)/bare"
        try scratch.git("", "init", "--quiet", "--bare", "--initial-branch=main", "bare")
        try scratch.git("source", "push", "--quiet", bare, "main")
        try scratch.git("bare", "repack", "-a", "-d", "--quiet")
        try shell(Self.traps, in: bare, "touch \(scratch.path)/mark")
        // Armed: git runs what it finds there, by a hook and by the configuration.
        for springs in ["git update-ref refs/heads/other main", "git st", "git more"] {
            try shell(springs, in: bare)
            try #require(scratch.exists("mark"), "\(springs)")
            try FileManager.default.removeItem(atPath: "\(scratch.path)/mark")
        }
        try shell(Self.lures, in: bare)

        try RepositoryShape.settle(try Directory.open(bare))
        let files = try FileManager.default.subpathsOfDirectory(atPath: bare).sorted()
        let packs = files.filter { $0.hasPrefix("objects/pack/pack-") }
        #expect(packs.count == 2 && packs.allSatisfy { $0.hasSuffix(".pack") || $0.hasSuffix(".idx") })
        #expect(
            files.filter { !packs.contains($0) }
                == [
                    "HEAD", "config", "objects", "objects/pack", "refs", "refs/heads", "refs/heads/main",
                    "refs/heads/other",
                ])
        let configuration = try String(contentsOfFile: bare + "/config", encoding: .utf8)
        #expect(configuration == "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n")
        #expect(try scratch.git("bare", "rev-parse", "main") == first)
        #expect(try scratch.git("bare", "fsck", "--full") == "")
        #expect(!scratch.exists("mark"))
    }
}
