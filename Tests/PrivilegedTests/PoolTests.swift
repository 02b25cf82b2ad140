// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

/// Workspaces too large for memory: a directory on disk under a project id with limits of its own.
@Suite("workspace in the pool", .serialized)
struct PoolTests {
    private let sallyport: Sallyport
    private let tree: Scratch

    init() throws {
        sallyport = try Sallyport()
        tree = try Scratch()
    }

    /// More than memory takes on any kernel.
    private let large = ["memory=512MiB", "tmp=32MiB", "shm=16MiB", "workspace_bytes=1100MiB", "workspace_inodes=500"]
        .flatMap { ["--limit", $0] }

    private func fields(_ run: Outcome) -> [String] { run.lines.first?.split(separator: "\t").map(String.init) ?? [] }

    @Test(
        "bytes end at the limit, for the task only", .requires(.root), .requires(.projectQuota),
        .timeLimit(.minutes(25))
    )
    func bytes() throws {
        let run = try sallyport.probe(
            profile: "strict", workspace: tree.path, options: large + ["--discard"], deadline: .seconds(200),
            ["bomb", "allocate"])
        #expect(run.result?["workspace_place"]?.stringValue == "pool", "\(run.errorText)")
        #expect(fields(run).prefix(2) == ["allocate", "stopped"], "\(run.text)\(run.errorText)")
        #expect(["EDQUOT", "ENOSPC"].contains(fields(run).dropFirst(2).first ?? ""))
        #expect((1000...1100).contains(fields(run).last.flatMap { Int($0) } ?? 0), "\(run.text)")
        #expect(run.limitsHit == ["workspace_bytes"], "\(run.limitsHit)")
        #expect(names(tree.path) == [] && names(sallyport.state + "/pool") == [])
        let next = try sallyport.run(
            profile: "strict", workspace: tree.path, options: large + ["--discard"], ["sh", "-c", "echo x >y && cat y"])
        #expect(next.code == 0 && next.text == "x\n", "\(next.errorText)")
    }

    @Test(
        "files end at the limit, flat or deep", .requires(.root), .requires(.projectQuota), .timeLimit(.minutes(25)),
        arguments: ["files", "deep"])
    func inodes(bomb: String) throws {
        let run = try sallyport.probe(
            profile: "strict", workspace: tree.path, options: large + ["--discard"], deadline: .seconds(200),
            ["bomb", bomb])
        #expect(fields(run).prefix(2) == [bomb, "stopped"], "\(run.text)\(run.errorText)")
        #expect(["EDQUOT", "ENOSPC"].contains(fields(run).dropFirst(2).first ?? ""))
        #expect((400...500).contains(fields(run).last.flatMap { Int($0) } ?? 0), "\(run.text)")
        #expect(run.limitsHit == ["workspace_inodes"], "\(run.limitsHit)")
        #expect(names(tree.path) == [] && names(sallyport.state + "/pool") == [])
    }

    @Test(
        "the tree appears as the agent's, its directories can be removed, and apply gives changes back to the owner",
        .requires(.root), .requires(.projectQuota), .timeLimit(.minutes(25)))
    func mapped() throws {
        try tree.directory("lower")
        try tree.file("lower/file", "below\n")
        let run = try sallyport.run(
            profile: "strict", workspace: tree.path, options: large + ["--apply"],
            ["sh", "-c", "stat -c %u lower/file && rm -r lower && mkdir new && echo x >new/file"])
        #expect(run.code == 0 && run.text == "1000\n", "\(run.errorText)")
        #expect(run.result?["workspace_place"]?.stringValue == "pool")
        #expect(names(tree.path) == ["new"] && text(tree.at("new/file")) == "x\n")
        #expect(status(tree.at("new/file"))?.uid == 0)
        #expect(names(sallyport.state + "/pool") == [])
    }

    @Test(
        "sweep removes the directory of a killed session", .requires(.root), .requires(.projectQuota),
        .timeLimit(.minutes(25)))
    func swept() throws {
        let running = try sallyport.runCommand(
            profile: "strict", workspace: tree.path, options: large, record: sallyport.home.at("result.json"),
            ["sh", "-c", "mkdir -p a/b/c && echo x >a/b/c/d && chmod 0 a/b && echo started && sleep 600"]
        ).start()
        #expect(try running.line() == "started")
        let pool = sallyport.state + "/pool"
        #expect(names(pool).count == 1)
        try running.signal(9)
        #expect(try running.finish().ending == .signalled(9))
        let swept = try sallyport.command(["sweep"]).run()
        #expect(swept.code == 0, "\(swept.text)\(swept.errorText)")
        #expect(names(pool) == [])
    }
}
