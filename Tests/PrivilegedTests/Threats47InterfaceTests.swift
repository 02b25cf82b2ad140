// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

extension Threats {
    /// Section 4.7, second half: project files, older kernels, who may talk to us, what the record says and hides.
    @Suite("threats 4.7: interfaces and records")
    struct InterfaceThreatTests {
        @Test("P11: a file of the project does not replace the operator's profile", .requires(.root))
        func p11() throws {
            let work = try Scratch()
            let loose = "version: 1\nreason: of the project\nrootfs: host\nlimits: {pids: 4000}\n"
            for name in ["strict.yaml", "strict", "sallyport.yaml", ".sallyport.yaml"] { try work.file(name, loose) }
            let sallyport = try Sallyport()
            let plain = try sallyport.run(profile: "strict", ["true"])
            let record = sallyport.home.at("p11.json")
            var command = sallyport.runCommand(
                profile: "strict", workspace: work.path, options: ["--discard"], record: record, ["true"])
            command.directory = work.path
            let beside = try sallyport.outcome(of: try command.run(), record: record)
            let digest = try #require(plain.result?["profile"]?["digest"]?.stringValue, "\(plain.errorText)")
            #expect(beside.result?["profile"]?["digest"]?.stringValue == digest, "\(beside.errorText)")
        }

        /// A run through a shell that closes descriptors or writes bytes first.
        private func shell(_ sallyport: Sallyport, _ script: String) throws -> Finished {
            var command = Command("/bin/sh", ["-c", script])
            command.environment = sallyport.environment
            command.environment["S"] = Executables.sallyport
            return try command.run()
        }

        @Test("a closed standard descriptor is never one of ours inside", .requires(.root))
        func closedDescriptors() throws {
            let sallyport = try Sallyport()
            let inside = "'readlink /proc/self/fd/0; echo out; echo err >&2; head -c 1 | wc -c'"
            let open = try shell(sallyport, "exec \"$S\" run -- sh -c \(inside) </dev/null")
            #expect(open.code == 0 && open.text.contains("out"), "control: \(open.errorText)")
            for closed in ["0<&-", "1>&-", "2>&-", "1>&- 2>&-", "0<&- 1>&- 2>&-"] {
                let run = try shell(sallyport, "exec \"$S\" run --result-file '\(sallyport.home.at("c.json"))' -- sh -c \(inside) \(closed)")
                #expect(run.code == 0, "\(closed): \(run.errorText)")
                let record = try sallyport.outcome(of: run, record: sallyport.home.at("c.json"))
                #expect(record.outcome == "exited", "\(closed)")
                if closed == "0<&-" { #expect(run.text.hasSuffix("0\n"), "end of input at once: \(run.text)") }
            }
        }

        @Test("the command's words arrive as the bytes they were", .requires(.root))
        func bytesOfWords() throws {
            let sallyport = try Sallyport()
            let run = try shell(sallyport, "exec \"$S\" run -- printf %s \"$(printf 'a\\377\\376b')\"")
            #expect(run.output == [0x61, 0xFF, 0xFE, 0x62], "\(run.errorText)")
            let option = try shell(sallyport, "exec \"$S\" run --workspace \"$(printf '/\\377')\" -- true")
            #expect(option.code == 125)
            #expect(option.errorText.contains("is not UTF-8"), "\(option.errorText)")
        }

        @Test("a fifo for frames is refused instead of waited for", .requires(.root))
        func fifoForFrames() throws {
            let sallyport = try Sallyport()
            let run = try shell(sallyport, "mkfifo '\(sallyport.home.at("fifo"))' && exec \"$S\" run --frames '\(sallyport.home.at("fifo"))' -- true")
            #expect(run.code == 125)
            #expect(run.errorText.contains("(ENXIO)"), "\(run.errorText)")
        }

        /// Numbers of x86-64 for what the sandbox stands on.
        static let needed: [(name: String, number: Int)] = [
            ("landlock_create_ruleset", 444), ("openat2", 437), ("mount_setattr", 442), ("open_tree", 428),
            ("move_mount", 429), ("fsopen", 430), ("seccomp", 317), ("clone3", 435), ("pivot_root", 155),
        ]

        @Test("P12: on a kernel that lacks a part, nothing runs", .requires(.root), arguments: needed)
        func p12(name: String, number: Int) throws {
            let sallyport = try Sallyport()
            let record = sallyport.home.at("p12.json")
            let command = sallyport.runCommand(profile: "strict", record: record, ["echo", "ran"])
            #expect(try command.run().text == "ran\n", "control")
            var lacking = command
            lacking.arguments = ["do", "without", "\(number)", command.path] + command.arguments
            lacking.path = Executables.probe
            let finished = try lacking.run()
            let run = try sallyport.outcome(of: finished, record: record)
            #expect(finished.code == 125, "\(name): \(finished.text)\(finished.errorText)")
            #expect(!finished.text.contains("ran"), "\(name)")
            #expect(finished.errorText.contains("ENOSYS") || finished.errorText.contains(name), "\(finished.errorText)")
            #expect(run.outcome == "setup_failed" || run.outcome == "exited" || run.result == nil, "\(run.outcome)")
        }

        @Test("P13: a running session listens to nobody, and its directory is the operator's alone", .requires(.root))
        func p13() throws {
            let sallyport = try Sallyport()
            let running = try sallyport.runCommand(
                profile: "strict", options: Sallyport.probeMount, record: sallyport.home.at("p13.json"),
                [Sallyport.probe, "do", "then", "ids"]
            ).start()
            #expect(try running.line() == "ready")
            let own = Set(socketInodes(running.pid))
            #expect(!own.isEmpty, "control: the supervisor does have sockets")
            var listening: [String] = []
            for line in text("/proc/\(running.pid)/net/unix")?.split(separator: "\n") ?? [] {
                let fields = line.split(separator: " ")
                // Flag 0x10000 is __SO_ACCEPTCON. include/uapi/linux/net.h
                if fields.count > 6, fields[3] == "00010000", own.contains(String(fields[6])) {
                    listening.append(String(line))
                }
            }
            for file in ["tcp", "tcp6", "udp", "udp6"] {
                for line in text("/proc/\(running.pid)/net/\(file)")?.split(separator: "\n") ?? [] {
                    let fields = line.split(separator: " ")
                    if fields.count > 9, own.contains(String(fields[9])) { listening.append(String(line)) }
                }
            }
            for session in names("\(sallyport.runtime)/sessions") {
                let found = status("\(sallyport.runtime)/sessions/\(session)")
                #expect(found.map { $0.mode & 0o777 } == 0o700 && found?.uid == 0)
            }
            running.closeInput()
            #expect(try running.finish().code == 0)
            #expect(listening == [])
        }

        private func socketInodes(_ pid: Int32) -> [String] {
            names("/proc/\(pid)/fd").compactMap { fd in
                let target = linkTarget("/proc/\(pid)/fd/\(fd)")
                guard target.hasPrefix("socket:[") else { return nil }
                return String(target.dropFirst(8).dropLast())
            }
        }

        static let ends: [(program: [String], options: [String], code: Int32, outcome: String)] = [
            (["sh", "-c", "exit 37"], [], 37, "exited"), (["sh", "-c", "exit 124"], [], 124, "exited"),
            (["sh", "-c", "exit 137"], [], 137, "exited"), (["sh", "-c", "kill -TERM $$"], [], 143, "signalled"),
            (["sh", "-c", "kill -KILL $$"], [], 137, "signalled"),
            (["sleep", "1000"], ["--limit", "wall=1s"], 143, "timed_out"),
            (["/workspace"], [], 126, "exited"), (["no-such-program"], [], 127, "exited"),
        ]

        @Test("P14: each end has its own code and its own word in the record", .requires(.root), arguments: ends)
        func p14(program: [String], options: [String], code: Int32, outcome: String) throws {
            let run = try Sallyport().run(profile: "strict", options: options, program)
            #expect(run.code == code, "\(run.errorText)")
            if code == 126 || code == 127 {
                // Nothing ran: whatever word the record has for it, it is not that of a program's own exit code.
                #expect(run.result?["error"]?.stringValue != nil || run.outcome == "setup_failed", "\(run.outcome)")
            } else {
                #expect(run.outcome == outcome)
                let signal: Int? = outcome == "signalled" ? Int(code) - 128 : nil
                if let signal { #expect(run.result?["signal"]?.intValue == signal) }
            }
        }

        @Test("P14: memory and set-up have words of their own", .requires(.root))
        func p14Words() throws {
            let sallyport = try Sallyport()
            let limits = ["memory=192MiB", "tmp=32MiB", "shm=16MiB", "workspace_bytes=32MiB"]
            let oom = try sallyport.probe(
                profile: "strict", options: limits.flatMap { ["--limit", $0] }, ["bomb", "heap", "4096"])
            #expect(oom.code == 137 && oom.outcome == "oom", "\(oom.errorText)")
            let failed = try sallyport.run(profile: "strict", options: ["--mount", "/nowhere:/run/x"], ["true"])
            #expect(failed.code == 125, "\(failed.errorText)")
            #expect(failed.result == nil || failed.outcome == "setup_failed")
        }

        @Test("P15: no rule is about the text of a command, so no spelling of one gets round a rule", .requires(.root))
        func p15() throws {
            let sallyport = try Sallyport()
            let profile = try sallyport.home.file(
                "commands.yaml", "version: 1\nextends: [strict]\nreason: lists commands\ncommands: {deny: [cat]}\n")
            let refused = try sallyport.run(profile: profile, ["true"])
            #expect(refused.code == 125 && refused.errorText.contains("commands.yaml:4"), "\(refused.errorText)")
            // What holds is held where calls are made: every spelling of the same deed ends in the same refusal.
            let probe = Sallyport.probe
            let spellings = [
                "\(probe) do unshare-user", "sh -c '\(probe) do unshare-user'", "eval '\(probe) do unshare-user'",
                "p=\(probe); $p do unshare-user", "echo \"$(\(probe) do unshare-user)\"",
            ]
            let run = try sallyport.run(
                profile: "strict", options: Sallyport.probeMount, ["sh", "-c", spellings.joined(separator: "; ")])
            #expect(run.lines == Array(repeating: "unshare-user\tEPERM", count: spellings.count), "\(run.errorText)")
        }

        @Test(
            "P16: secrets of the caller are nowhere inside, and those given to the task in no record", .requires(.root))
        func p16() throws {
            let canary = "canary-\(UInt64.random(in: 0...UInt64.max))"
            let given = "given-\(UInt64.random(in: 0...UInt64.max))"
            let sallyport = try Sallyport()
            let home = try Scratch()
            try home.file(".netrc", canary)
            let record = sallyport.home.at("p16.json")
            let search =
                "env; cat /proc/1/environ /proc/1/cmdline; grep -rsl 'canary-' /tmp /run /etc /workspace /dev/shm; true"
            var command = sallyport.runCommand(
                profile: "strict", options: ["--env", "TOKEN=\(given)"], record: record, ["sh", "-c", search])
            command.environment["CANARY"] = canary
            command.environment["HOME"] = home.path
            command.environment["AWS_SECRET_ACCESS_KEY"] = canary
            let run = try sallyport.outcome(of: try command.run(), record: record)
            #expect(run.text.contains("TOKEN=\(given)"), "control: the task has what it was given: \(run.errorText)")
            #expect(!run.text.contains(canary))
            #expect(run.result != nil)
            for directory in [sallyport.runtime, sallyport.state, record] {
                let found = try Command("/bin/grep", ["-rslaE", "\(canary)|\(given)", directory]).run()
                #expect(found.text.isEmpty, "\(found.text)")
            }
            let planted = try sallyport.home.file("runtime/planted", canary)
            #expect(try Command("/bin/grep", ["-rslaE", canary, sallyport.runtime]).run().text.contains(planted))
        }
    }
}
