// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

extension Threats {
    /// Rows of section 4.3 about amounts: each bomb reaches its own end on the host and the session's limit inside.
    @Suite("threats 4.3: limits")
    struct LimitThreatTests {
        /// The bomb's own end, unhindered: without it, being stopped would show nothing.
        private func control(_ bomb: String, _ amount: Int, in directory: String? = nil, path: String? = nil) throws {
            var command = Command(Executables.probe, ["bomb", bomb, "\(amount)"] + (path.map { [$0] } ?? []))
            command.directory = directory
            let finished = try command.run()
            let said = bomb == "log" ? finished.errorText : finished.text
            #expect(said.contains("\(bomb)\tunbounded\t\(amount)\n"), "control: \(said.suffix(200))")
        }

        private func limits(_ values: [String]) -> [String] { values.flatMap { ["--limit", $0] } }

        private let small = ["memory=192MiB", "tmp=32MiB", "shm=16MiB", "workspace_bytes=32MiB"]

        @Test("L01: a fork bomb stops at pids and takes nobody along", .requires(.root), .timeLimit(.minutes(25)))
        func l01() throws {
            try control("fork", 200)
            let run = try Sallyport().probe(profile: "strict", options: limits(["pids=64"]), ["bomb", "fork"])
            let fields = run.lines.first?.split(separator: "\t").map(String.init) ?? []
            #expect(fields.prefix(3) == ["fork", "stopped", "EAGAIN"], "\(run.text)\(run.errorText)")
            #expect(fields.last.flatMap { Int($0) } ?? 1000 < 64)
            #expect(run.outcome == "exited" && run.limitsHit.contains("pids"))
            try control("fork", 10)
        }

        @Test(
            "L02: memory stops at its limit however it is taken", .requires(.root), .timeLimit(.minutes(25)),
            arguments: ["heap", "memfd", "shm"])
        func l02(bomb: String) throws {
            try control(bomb, 8)
            let run = try Sallyport().probe(profile: "strict", options: limits(small), ["bomb", bomb, "4096"])
            #expect(run.outcome == "oom" && run.limit == "memory", "\(run.outcome) \(run.text)\(run.errorText)")
            #expect(run.limitsHit.contains("memory"))
            #expect(run.code == 137)
            #expect(!run.text.contains("unbounded"))
        }

        @Test("L02: pipes stop at the limit on open files or on memory", .requires(.root), .timeLimit(.minutes(25)))
        func l02Pipes() throws {
            try control("pipes", 8)
            let run = try Sallyport().probe(profile: "strict", options: limits(small), ["bomb", "pipes", "100000"])
            // The kernel keeps no count of what RLIMIT_NOFILE refused, so only the task learns of it.
            #expect(run.text.contains("pipes\tstopped\tEMFILE") || run.outcome == "oom", "\(run.text)\(run.errorText)")
        }

        @Test(
            "L02: what waits in sockets stops at the limit on memory", .requires(.root), .timeLimit(.minutes(25)),
            arguments: ["sockets", "netlink"])
        func l02Sockets(bomb: String) throws {
            try control(bomb, 8)
            let run = try Sallyport().probe(profile: "strict", options: limits(small), ["bomb", bomb, "1000000"])
            #expect(run.outcome == "oom" && run.limit == "memory", "\(run.outcome) \(run.text)\(run.errorText)")
        }

        @Test("L02: where the host has no memory left, a session goes before the host's own", .requires(.root))
        func l02First() throws {
            // A root without CAP_SYS_RESOURCE marks all the same, but then the mark can be taken back.
            let held = try Command("/usr/bin/setpriv", ["--dump"]).run().text
            let marks = held.contains("sys_resource")
            let script = "cat /proc/self/oom_score_adj; echo 0 2>/dev/null >/proc/self/oom_score_adj || echo kept"
            // The control: who has not been marked from outside may take back its own word.
            let own = try OrdinaryUser.unprivileged(
                "/bin/sh", ["-c", "echo 1000 >/proc/self/oom_score_adj; \(script)"]
            ).run()
            #expect(own.lines == ["1000"], "control: \(own.text)\(own.errorText)")
            let run = try Sallyport().run(profile: "strict", ["sh", "-c", script])
            #expect(run.lines == (marks ? ["1000", "kept"] : ["1000"]), "\(run.text)\(run.errorText)")
        }

        @Test(
            "L02: a neighbour lives on while another session runs out of memory", .requires(.root),
            .timeLimit(.minutes(25)))
        func l02Neighbour() throws {
            let sallyport = try Sallyport()
            let record = sallyport.home.at("neighbour.json")
            let neighbour = try sallyport.runCommand(
                profile: "strict", options: Sallyport.probeMount, record: record,
                [Sallyport.probe, "do", "then", "write", "/tmp/alive"]
            ).start()
            #expect(try neighbour.line() == "ready")
            let bomb = try sallyport.probe(profile: "strict", options: limits(small), ["bomb", "heap", "4096"])
            #expect(bomb.outcome == "oom")
            neighbour.closeInput()
            let outcome = try sallyport.outcome(of: try neighbour.finish(), record: record)
            #expect(outcome.code == 0 && outcome.outcome == "exited", "\(outcome.errorText)")
        }

        @Test("L03: no session is held below its limit, where it would only slow down for ever", .requires(.root))
        func l03() throws {
            let sallyport = try Sallyport()
            let running = try sallyport.runCommand(
                profile: "strict", options: Sallyport.probeMount, record: sallyport.home.at("l03.json"),
                [Sallyport.probe, "do", "then", "ids"]
            ).start()
            #expect(try running.line() == "ready")
            let workload = try #require(descendants(of: running.pid).first { $0.name == "sp-probe" })
            var groups = 0
            for line in text("/proc/\(workload.pid)/cgroup")?.split(separator: "\n") ?? [] {
                let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
                guard fields.count == 3, fields[1] == "memory" || fields[0] == "0" else { continue }
                let directory = "/sys/fs/cgroup" + (fields[1].isEmpty ? "" : "/\(fields[1])") + fields[2]
                guard let limit = text("\(directory)/memory.max") ?? text("\(directory)/memory.limit_in_bytes") else {
                    continue
                }
                groups += 1
                #expect(limit != "max\n")
                // Version 1 has no such file; on version 2 no value is the word "max".
                #expect(text("\(directory)/memory.high") ?? "max\n" == "max\n")
            }
            running.closeInput()
            #expect(try running.finish().code == 0)
            #expect(groups == 1, "the group with the limit was found")
        }

        @Test("L04: no swap is given beyond memory", .requires(.root))
        func l04() throws {
            let run = try Sallyport().run(
                profile: "strict", options: limits(["memory=640MiB", "tmp=32MiB", "workspace_bytes=32MiB"]), ["true"])
            // Version 1 counts memory and swap together, version 2 swap alone.
            let bytes = "\(640 * 1024 * 1024)"
            let v1 = run.layers.contains("memory.memsw.limit_in_bytes") && run.layers.occurrences(of: bytes) >= 2
            let v2 = run.layers.contains("memory.swap.max") && run.layers.contains("\"0\"")
            #expect(v1 || v2, "\(run.layers)\(run.errorText)")
        }

        @Test(
            "L05: the workspace is full at its size, by one file or by reservation", .requires(.root),
            arguments: ["file", "allocate"])
        func l05(bomb: String) throws {
            let scratch = try Scratch()
            try control(bomb, 8, in: scratch.path)
            let work = try Scratch()
            let run = try Sallyport().probe(
                profile: "strict", workspace: work.path, options: limits(small) + ["--discard"], ["bomb", bomb])
            let fields = run.lines.first?.split(separator: "\t").map(String.init) ?? []
            #expect(fields.prefix(2) == [bomb, "stopped"], "\(run.text)\(run.errorText)")
            #expect(["ENOSPC", "EDQUOT"].contains(fields.dropFirst(2).first ?? ""))
            #expect(fields.last.flatMap { Int($0) } ?? 1000 <= 32)
            #expect(run.limitsHit.contains("workspace_bytes"), "\(run.limitsHit)")
            #expect(names(work.path).isEmpty)
        }

        @Test(
            "L05: the workspace holds no more files than its limit, flat or deep", .requires(.root),
            arguments: ["files", "deep"])
        func l05Inodes(bomb: String) throws {
            let scratch = try Scratch()
            try control(bomb, 20, in: scratch.path)
            let run = try Sallyport().probe(
                profile: "strict", options: limits(small + ["workspace_inodes=500"]), ["bomb", bomb])
            let fields = run.lines.first?.split(separator: "\t").map(String.init) ?? []
            #expect(fields.prefix(2) == [bomb, "stopped"], "\(run.text)\(run.errorText)")
            #expect(["ENOSPC", "EDQUOT"].contains(fields.dropFirst(2).first ?? ""), "\(fields)")
            #expect(fields.last.flatMap { Int($0) } ?? 10_000 <= 500)
            #expect(run.limitsHit.contains("workspace_inodes"), "\(run.limitsHit)")
        }

        @Test(
            "L06: /tmp and /dev/shm are full at their sizes", .requires(.root),
            arguments: [("tmpfs", 32), ("devshm", 16)])
        func l06(bomb: String, megabytes: Int) throws {
            let scratch = try Scratch()
            try control(bomb, 8, path: scratch.at("bomb"))
            let run = try Sallyport().probe(profile: "strict", options: limits(small), ["bomb", bomb])
            #expect(run.lines.first?.hasPrefix("\(bomb)\tstopped\tENOSPC\t") == true, "\(run.text)\(run.errorText)")
            #expect(run.lines.first?.split(separator: "\t").last.flatMap { Int($0) } ?? 1000 <= megabytes)
            #expect(run.limitsHit.contains(bomb == "tmpfs" ? "tmp" : "shm"), "\(run.limitsHit)")
        }

        @Test("L06: no tmpfs inside is without a size, and /tmp not without a number of files", .requires(.root))
        func l06Sizes() throws {
            try prove("L06", ["L06a": "ABSENT", "L06b": "ABSENT"])
            let scratch = try Scratch()
            try control("tmpfiles", 100, path: scratch.path)
            let run = try Sallyport().probe(profile: "strict", options: limits(small), ["bomb", "tmpfiles", "1000000"])
            #expect(run.lines.first?.hasPrefix("tmpfiles\tstopped\tENOSPC\t") == true, "\(run.text)\(run.errorText)")
        }

        @Test(
            "L07: several sessions at their limit of processes leave the host its own", .requires(.root),
            .timeLimit(.minutes(25)))
        func l07() throws {
            let sallyport = try Sallyport()
            var full: [Running] = []
            for index in 0..<4 {
                let running = try sallyport.runCommand(
                    profile: "strict", options: limits(["pids=64"]) + Sallyport.probeMount,
                    record: sallyport.home.at("full-\(index).json"),
                    ["sh", "-c", "\(Sallyport.probe) bomb fork & echo started; wait $!; cat"]
                ).start()
                #expect(try running.line() == "started")
                #expect(try running.line()?.hasPrefix("fork\tstopped\tEAGAIN") == true)
                full.append(running)
            }
            try control("fork", 50)
            for running in full {
                running.closeInput()
                #expect(try running.finish().code == 0)
            }
        }

        @Test(
            "L08: what one session uses up of a user's share is not another's", .requires(.root),
            .timeLimit(.minutes(25)))
        func l08() throws {
            try prove(
                "L08",
                [
                    "L08a": "EPERM", "L08b": "EPERM", "L08c": "ENOSYS", "L08d": "ENOMEM", "L08e": "EINVAL",
                    "L08f": "EINVAL",
                ])
            let sallyport = try Sallyport()
            let hog = try sallyport.runCommand(
                profile: "strict", options: Sallyport.probeMount, record: sallyport.home.at("hog.json"),
                [Sallyport.probe, "bomb", "inotify", "100000", ".", "hold"]
            ).start()
            #expect(try hog.line()?.hasPrefix("inotify\tstopped\tEMFILE") == true)
            let other = try sallyport.probe(profile: "strict", ["bomb", "inotify", "8"])
            #expect(other.text == "inotify\tunbounded\t8\n", "\(other.text)\(other.errorText)")
            try control("inotify", 8)
            hog.closeInput()
            #expect(try hog.finish().code == 0)
        }

        @Test("L08: open files stop at their limit", .requires(.root))
        func l08Files() throws {
            try control("open", 200)
            // 16 is the least that a profile may say: set-up, which needs more, is not held to it.
            for limit in [256, 100, 16] {
                let run = try Sallyport().probe(
                    profile: "strict", options: limits(["open_files=\(limit)"]), ["bomb", "open"])
                // 0, 1 and 2 are taken already.
                #expect(run.text == "open\tstopped\tEMFILE\t\(limit - 3)\n", "\(run.text)\(run.errorText)")
                #expect(run.result?["layers"]?["rlimits"]?["nofile"]?.stringValue == "\(limit)")
            }
        }
    }
}
