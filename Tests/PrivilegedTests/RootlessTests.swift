// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// An ordinary user's sandbox where no cgroup is delegated: one id, and limits for each process.
@Suite("rootless", .serialized)
struct RootlessTests {
    private let user: OrdinaryUser

    init() throws { user = try OrdinaryUser() }

    private let small = ["memory=256MiB", "tmp=32MiB", "shm=16MiB", "workspace_bytes=32MiB"].flatMap {
        ["--limit", $0]
    }

    /// The profile that this kernel needs for a workspace to change.
    private func workspaceProfile() throws -> String {
        if try OrdinaryUser.memoryHoldsWorkspaces() { return "strict-rlimit" }
        return try unmeteredProfile()
    }

    private func unmeteredProfile() throws -> String {
        try user.file(
            "unmetered.yaml",
            "version: 1\nextends: [strict-rlimit]\nreason: changes on disk\nlimits:\n  workspace: unmetered\n")
    }

    @Test(
        "the record says rootless, rlimit, one id, no capability, and the limits that the kernel holds",
        .requires(.rootless))
    func record() throws {
        let run = try user.run(profile: "strict-rlimit", options: ["--limit", "pids=77"], ["id"])
        #expect(run.code == 0, "\(run.errorText)")
        #expect(run.text == "uid=1000(agent) gid=1000(agent) groups=1000(agent)\n")
        let layers = run.result?["layers"]
        #expect(run.result?["mode"]?.stringValue == "rootless")
        #expect(run.result?["enforcement"]?.stringValue == "rlimit")
        #expect(layers?["uid_map"]?.stringValue == "1000 \(user.uid) 1")
        #expect(layers?["notes"]?.arrayValue?.contains { $0.stringValue?.hasPrefix("one id: ") == true } == true)
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            #expect(layers?["status"]?[set]?.stringValue == "0000000000000000", "\(set)")
        }
        #expect(
            layers?["status"]?["NoNewPrivs"]?.stringValue == "1" && layers?["status"]?["Seccomp"]?.stringValue == "2")
        let held = layers?["rlimits"]
        #expect(held?["nproc"]?.stringValue == "77" && held?["nofile"]?.stringValue == "1024")
        #expect(held?["as"]?.stringValue == "\(2 << 30)" && held?["core"]?.stringValue == "0")
    }

    @Test("what a session left is shown in a new one, with the same one id and nothing more", .requires(.rootless))
    func shell() throws {
        let work = try user.directory("work")
        try user.file("work/kept", "old\n")
        let run = try user.run(
            profile: try workspaceProfile(), workspace: work, options: small + ["--keep"],
            ["sh", "-c", "echo new > kept; mkdir d; echo x > d/x; chmod 500 d; id -u"])
        let session = try #require(run.session, "\(run.errorText)")
        #expect(run.code == 0 && run.text == "1000\n", "\(run.errorText)")
        let look = try user.sallyport([
            "session", "shell", session, "--", "sh", "-c",
            "cat kept d/x; stat -c %a d; id -u; ls /proc/self/fd; grep CapBnd /proc/self/status; rm kept",
        ]).run()
        #expect(
            look.text == "new\nx\n500\n1000\n0\n1\n2\n3\nCapBnd:\t0000000000000000\n",
            "\(look.text)\(look.errorText)")
        #expect(text(work + "/kept") == "old\n")
    }

    @Test("its gateway answers, gives its account, and can do nothing more when the run is over", .requires(.rootless))
    func egress() throws {
        let profile = try user.file(
            "egress.yaml",
            "version: 1\nextends: [strict-rlimit]\nreason: a test of the gateway\n"
                + "egress: {rules: [{host: allowed.test, reason: a name}]}\n")
        let run = try user.run(
            profile: profile, ["sh", "-c", "getent ahostsv4 allowed.test; getent ahostsv4 other.test; echo $?"])
        #expect(
            !processes(uids: user.uid..<(user.uid + 1)).contains { pid in
                statusField(pid, "VmSize") != nil
                    && text("/proc/\(pid)/cmdline")?.hasPrefix("sallyport-gateway\0egress") == true
            })
        #expect(
            run.lines.first?.hasPrefix("198.18.1.0") == true && run.lines.last == "2", "\(run.text)\(run.errorText)")
        let egress = run.result?["egress"]
        #expect(egress?["allowed"]?.intValue == 1 && egress?["denied"]?.intValue == 1, "\(run.errorText)")
        #expect(egress?["lost"] == .null && egress?["denials"]?.arrayValue?.count == 1)
    }

    @Test("its repository is cloned and pushed to, under the one id there is", .requires(.rootless), .requires(.git))
    func repository() throws {
        let upstream = try user.directory("upstream")
        let made = try user.command(
            "/bin/sh",
            [
                "-c",
                """
                cd \(upstream) && git init -q -b main && echo one >file && git add file &&
                git -c user.name=a -c user.email=a@test.invalid commit -q -m one
                """,
            ]
        ).run()
        try #require(made.code == 0, "\(made.errorText)")
        let out = user.home + "/session-\(UInt32.random(in: 0...UInt32.max))"
        let prepared = try user.sallyport(
            ["task", "repository", upstream, "--out", out, "--name", "/o/n", "--push", "refs/heads/agent/*"]
        ).run()
        try #require(prepared.code == 0, "\(prepared.errorText)")
        let run = try user.run(
            profile: "strict-rlimit", options: ["--git", out + "/git.json"],
            [
                "sh", "-c",
                """
                cd /tmp && git clone -q http://git.internal/o/n && cd n && git checkout -q -b agent/one &&
                git -c user.name=a -c user.email=a@test.invalid commit -q --allow-empty -m mine &&
                git push origin agent/one 2>&1; git push origin agent/one:main 2>&1
                """,
            ])
        #expect(run.text.contains("(only refs/heads/agent/* may be pushed)"), "\(run.text)\(run.errorText)")
        let git = run.result?["git"]
        #expect(git?["pushes"] == 1 && git?["refused_pushes"] == 1 && git?["lost"] == .null, "\(run.errorText)")
        #expect(status("\(out)/quarantine/session.git/refs/heads/agent/one")?.uid == user.uid)
    }

    @Test("a workspace is an overlay: the tree is untouched until its changes are applied", .requires(.rootless))
    func workspace() throws {
        let tree = try user.directory("tree")
        try user.file("tree/old", "old\n")
        _ = try user.directory("tree/lower")
        try user.file("tree/lower/file", "below\n")
        let run = try user.run(
            profile: try workspaceProfile(), workspace: tree,
            ["sh", "-c", "cat old && rm -r lower && mv old moved && echo new >new && chmod 755 new"])
        #expect(run.code == 0 && run.text == "old\n", "\(run.errorText)")
        #expect(names(tree) == ["lower", "old"] && names(tree + "/lower") == ["file"])
        let session = try #require(run.session)
        let applied = try user.sallyport(["session", "apply", session]).run()
        #expect(applied.code == 0, "\(applied.errorText)")
        #expect(names(tree) == ["moved", "new"])
        #expect(text(tree + "/moved") == "old\n" && text(tree + "/new") == "new\n")
        #expect(status(tree + "/new")?.uid == user.uid)
    }

    @Test(
        "a workspace that is moved while the session runs is still what its changes are read against",
        .requires(.rootless))
    func movedWorkspace() throws {
        let tree = try user.directory("tree")
        try user.file("tree/old", "old\n")
        let profile = try workspaceProfile()
        let running = try user.sallyport(
            ["run", "--profile", profile, "--workspace", tree, "--json", "--"]
                + ["sh", "-c", "rm old && echo 1 >new && echo changed && read end"]
        ).start()
        #expect(try running.line() == "changed")
        #expect(rename(tree, user.home + "/moved") == 0)
        _ = try user.directory("tree")
        try running.send([0x0a])
        let run = try running.finish()
        #expect(run.ending == .exited(0), "\(run.errorText)")
        let session = try #require(try JSON.read(run.errors, file: "the record")["session"]?.stringValue)
        let refused = try user.sallyport(["session", "apply", session]).run()
        #expect(refused.code == 125 && refused.errorText.contains("--to DIR"), "\(refused.errorText)")
        let applied = try user.sallyport(["session", "apply", session, "--to", "moved"]).run()
        #expect(applied.lines == ["2 applied, 0 already there, 0 withheld, 0 conflicts"], "\(applied.errorText)")
        #expect(names(user.home + "/moved") == ["new"])
        #expect(names(tree) == [])
    }

    @Test(
        "a workspace without limits lies on disk, by name only, and loses directories of the tree below",
        .requires(.rootless))
    func unmetered() throws {
        let tree = try user.directory("tree")
        _ = try user.directory("tree/lower")
        let run = try user.run(
            profile: try unmeteredProfile(), workspace: tree, options: ["--discard"],
            ["sh", "-c", "rmdir lower && mkdir -p x/y && touch x/y/z && chmod 0 x/y && chmod 500 x && ls"])
        #expect(run.code == 0 && run.text == "x\n", "\(run.errorText)")
        #expect(run.result?["workspace_place"]?.stringValue == "unmetered")
        #expect(names(tree) == ["lower"])
        #expect(names(user.home + "/.local/state/sallyport/pool") == [])
    }

    @Test(
        "where tmpfs has no attributes of users, a metered workspace is refused with the way out", .requires(.rootless))
    func refusedInMemory() throws {
        let tree = try user.directory("tree")
        let run = try user.run(profile: "strict-rlimit", workspace: tree, options: ["--discard"], ["true"])
        if try OrdinaryUser.memoryHoldsWorkspaces() {
            #expect(run.code == 0 && run.result?["workspace_place"]?.stringValue == "memory", "\(run.errorText)")
            return
        }
        #expect(run.code == 125 && run.outcome == "setup_failed")
        #expect(run.errorText.contains("cannot hold the workspace in memory: "), "\(run.errorText)")
        #expect(
            run.errorText.contains("(EOPNOTSUPP)") && run.errorText.contains("limits.workspace: unmetered"),
            "\(run.errorText)")
    }

    @Test("the host's devices can be written to, and their times cannot be set", .requires(.rootless))
    func devices() throws {
        let script = "echo x >/dev/null && touch /dev/null 2>/dev/null; echo $?"
        // The control: what anybody may do to a file that anybody may write.
        #expect(try user.command("/bin/sh", ["-c", script]).run().lines == ["0"])
        let run = try user.run(profile: "strict-rlimit", ["sh", "-c", script + "; echo y >/dev/null && echo written"])
        #expect(run.lines == ["1", "written"], "\(run.text)\(run.errorText)")
    }

    @Test(
        "processes, open files and address space stop at their limits", .requires(.rootless), .timeLimit(.minutes(25)))
    func limits() throws {
        let fork = try user.probe(profile: "strict-rlimit", options: ["--limit", "pids=64"], ["bomb", "fork"])
        let fields = fork.lines.first?.split(separator: "\t").map(String.init) ?? []
        #expect(fields.prefix(3) == ["fork", "stopped", "EAGAIN"], "\(fork.text)\(fork.errorText)")
        #expect(fields.last.flatMap { Int($0) } ?? 1000 < 64)
        let open = try user.probe(profile: "strict-rlimit", options: ["--limit", "open_files=256"], ["bomb", "open"])
        #expect(open.text == "open\tstopped\tEMFILE\t253\n", "\(open.text)\(open.errorText)")
        let most = try user.command(
            "/bin/sh",
            [
                "-c", "ulimit -n 200; exec \"$0\" \"$@\"", user.sallyport, "run", "--profile", "strict-rlimit",
                "--limit",
                "open_files=201", "--", "true",
            ]
        ).run()
        #expect(most.code == 125)
        #expect(
            most.errorText.hasPrefix(
                "sallyport: cannot set limits.open_files to 201: Operation not permitted (EPERM). ")
                && most.errorText.contains("no more than 200 "), "\(most.errorText)")
        let heap = try user.probe(profile: "strict-rlimit", options: small, ["bomb", "heap", "4096"])
        #expect(heap.text.hasPrefix("heap\tstopped\tENOMEM\t"), "\(heap.text)\(heap.errorText)")
        #expect(heap.lines.first?.split(separator: "\t").last.flatMap { Int($0) } ?? 1000 <= 256)
    }

    @Test(
        "the doctor's attack tells what one id does not hold from an escape", .requires(.rootless),
        .timeLimit(.minutes(25)))
    func attack() throws {
        let done = try user.sallyport(["doctor", "--attack", "--json", "--profile", "strict-rlimit"]).run()
        #expect(done.code == 0, "\(done.text)\(done.errorText)")
        let posture = try JSON.read(done.output, file: "posture")
        let kernel = posture["layers"]?.arrayValue?.first { $0["layer"]?.stringValue == "kernel" }
        #expect(kernel?["by_design"]?.intValue == 4)
        #expect(kernel?["escaped"]?.intValue == 0)
        #expect(posture["complete"] == .bool(true))
    }

    @Test("a daemon that ignores TERM ends with its session", .requires(.rootless))
    func daemon() throws {
        let marker = "31.\(UInt32.random(in: 1000...999_999_999))"
        let run = try user.run(
            profile: "strict-rlimit", options: ["--limit", "wall=1s"],
            ["sh", "-c", "trap '' TERM; (setsid sh -c 'trap \"\" TERM; sleep \(marker)' &) ; sleep \(marker)"])
        #expect(run.outcome == "timed_out" && run.limit == "wall", "\(run.errorText)")
        let left = names("/proc").filter { text("/proc/\($0)/cmdline")?.contains(marker) == true }
        #expect(left.isEmpty, "\(left)")
    }

    @Test("strict is refused without a controller, and says what to do", .requires(.rootless), .requires(.root))
    func refused() throws {
        let run = try user.run(profile: "strict", ["true"])
        #expect(run.code == 125 && run.outcome == "setup_failed")
        #expect(
            run.errorText.contains("(EACCES). No cgroup controller is delegated to this user. "), "\(run.errorText)")
        #expect(run.errorText.contains("systemd-run --user --scope -p Delegate=yes"))
        #expect(run.errorText.contains("(strict-rlimit)"))
    }

    @Test(
        "nothing can be mounted, entered or regained", .requires(.rootless), .requires(.root), .timeLimit(.minutes(25)))
    func escapes() throws {
        let rows = [
            "R17": ["R17a": "EPERM", "R17b": "EPERM"],
            "R20": ["R20a": "EPERM", "R20b": "EPERM", "R20c": "EPERM", "R20d": "EPERM"],
            "R21": ["R21a": "ABSENT", "R21b": "EACCES"], "R22": ["R22a": "EPERM", "R22b": "EPERM"],
            "R24": ["R24a": "EPERM", "R24b": "EPERM", "R24c": "EPERM"],
            "R38": ["R38a": "ABSENT", "R38b": "EPERM", "R38c": "EPERM", "R38d": "EPERM", "R38e": "ABSENT"],
            "R45": ["R45a": "ABSENT", "R45b": "ABSENT", "R45c": "ABSENT"],
            "L08": [
                "L08a": "EPERM", "L08b": "EPERM", "L08c": "ENOSYS", "L08d": "ENOMEM", "L08e": "EINVAL",
                "L08f": "EINVAL",
            ],
        ]
        for (row, expected) in rows.sorted(by: { $0.key < $1.key }) {
            try prove(row, expected, profile: "strict-rlimit", user: user)
        }
    }

    @Test(
        "doctor says what differs, holds strict-rlimit and names the remedy for strict", .requires(.rootless),
        .requires(.root))
    func doctor() throws {
        let weak = try user.sallyport(["doctor", "--profile", "strict-rlimit", "--json"]).run()
        let report = try JSON.read(weak.output, file: "doctor")
        #expect(report["mode"]?.stringValue == "rootless")
        let differences = report["differences"]?.arrayValue?.compactMap(\.stringValue) ?? []
        for word in ["your own id", "no id map", "kept in memory", "for each process only"] {
            #expect(differences.contains { $0.hasPrefix("Rootless: ") && $0.contains(word) }, "\(word): \(differences)")
        }
        let holds = try OrdinaryUser.memoryHoldsWorkspaces()
        #expect((weak.code == 0) == holds, "\(weak.text)\(weak.errorText)")
        #expect(holds || weak.text.contains("limits.workspace: unmetered"), "\(weak.text)")
        let strict = try user.sallyport(["doctor"]).run()
        #expect(strict.code != 0)
        #expect(strict.text.contains("systemd-run --user --scope -p Delegate=yes"), "\(strict.text)")
    }

    @Test("sweep takes nothing that is another user's", .requires(.rootless))
    func sweep() throws {
        let first = try user.run(profile: "strict-rlimit", ["true"])
        #expect(first.code == 0, "\(first.errorText)")
        let swept = try user.sallyport(["sweep", "--json"]).run()
        #expect(swept.code == 0, "\(swept.text)\(swept.errorText)")
        let report = try JSON.read(swept.output, file: "sweep")
        #expect(report["failures"]?.arrayValue?.isEmpty == true && report["cgroups"]?.arrayValue?.isEmpty == true)
    }
}
