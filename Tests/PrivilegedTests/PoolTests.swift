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
        "a limit on the pool's disk is held by the session's own group and told in its record",
        .requires(.root), .requires(.projectQuota), .requires(.disk), .timeLimit(.minutes(5)))
    func disk() throws {
        // Past the page cache, so that the kernel knows whose it is.
        let script = """
            import mmap, os, sys
            page = mmap.mmap(-1, 1 << 20)
            file = os.open("/workspace/direct", os.O_CREAT | os.O_WRONLY | os.O_DIRECT)
            print(os.write(file, page), flush=True)
            sys.stdin.readline()
            """
        let record = sallyport.home.at("record")
        let running = try sallyport.runCommand(
            profile: "strict", workspace: tree.path, options: large + ["--limit", "io=8MiB/s", "--discard"],
            record: record, ["/usr/bin/python3", "-B", "-c", script]
        ).start()
        #expect(try running.line() == "1048576")
        let session = try #require(names(sallyport.runtime + "/sessions").first)
        let state = try JSON.read(
            try #require(contents("\(sallyport.runtime)/sessions/\(session)/state.json")), file: "state")
        let groups = state["cgroup"]?.arrayValue?.compactMap { $0["path"]?.stringValue } ?? []
        let counted = groups.compactMap { text("\($0)/blkio.throttle.io_service_bytes") ?? text("\($0)/io.stat") }
        try running.send(Array("go\n".utf8))
        let run = try sallyport.outcome(of: try running.finish(), record: record)
        #expect(run.code == 0 && run.result?["workspace_place"]?.stringValue == "pool", "\(run.errorText)")
        let held = (run.result?["layers"]?["cgroup"]?.objectValue ?? []).filter {
            $0.name.hasPrefix("blkio.throttle") || $0.name == "io.max"
        }
        let values = held.compactMap { $0.value.stringValue }
        #expect(!values.isEmpty && values.allSatisfy { $0.contains("8388608") }, "\(run.result?.compactText ?? "")")
        // What it wrote was counted for it, on the very device that is limited.
        let disk = try #require(values.first?.split(separator: " ").first.map { String($0) })
        let lines = counted.flatMap { $0.split(separator: "\n") }.filter { $0.hasPrefix(disk + " ") }
        let bytes = lines.flatMap { $0.split { $0 == " " || $0 == "=" } }.compactMap { Int($0) }.max() ?? 0
        #expect(bytes >= 1 << 20, "\(counted)")
    }

    @Test("a workspace in memory needs no limit on a disk, and the record has none", .requires(.root))
    func memory() throws {
        let run = try sallyport.run(
            profile: "strict", workspace: tree.path, options: ["--limit", "io=8MiB/s", "--discard"], ["true"])
        guard run.result?["workspace_place"]?.stringValue == "memory" else { return }
        let names = (run.result?["layers"]?["cgroup"]?.objectValue ?? []).map(\.name)
        #expect(run.code == 0 && !names.isEmpty, "\(run.errorText)")
        #expect(!names.contains { $0.hasPrefix("blkio") || $0 == "io.max" }, "\(names)")
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
