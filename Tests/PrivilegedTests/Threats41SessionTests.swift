// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

extension Threats {
    /// Rows of section 4.1 about the supervisor and its sessions: arguments, ids, what a task leaves behind.
    @Suite("threats 4.1: sessions and what they leave")
    struct SessionThreatTests {
        @Test("R15: a renamed and rebuilt .git changes nothing of the caller's before it is applied", .requires(.root))
        func r15() throws {
            let work = try repository()
            let sallyport = try Sallyport()
            let run = try sallyport.run(
                profile: "strict", workspace: work.path, options: ["--diff"],
                [
                    "sh", "-c",
                    "cp -r .git .g && rm -rf .git && mkdir -p .git/hooks && echo evil > .git/hooks/x && ls -d .g",
                ])
            #expect(run.code == 0, "\(run.errorText)")
            // The control: the task did see its own change.
            #expect(run.text.contains(".g\n"))
            #expect(names(work.at(".git/hooks")) == ["kept"] && !names(work.path).contains(".g"))
            #expect((run.text + run.errorText).contains(".git/hooks/x"))
        }

        @Test(
            "R16: files that programs of the host would execute are shown as such and executed by nobody",
            .requires(.root))
        func r16() throws {
            let work = try repository()
            let marker = work.at("executed")
            let script = """
                mkdir -p .git/hooks .claude .vscode
                for f in .git/hooks/pre-commit .git/hooks/post-index-change .envrc .claude/settings.json; do
                printf '#!/bin/sh\\ntouch \(marker)\\n' > $f; chmod 755 $f; done
                printf '[core]\\n\\tfsmonitor = touch \(marker)\\n' >> .git/config
                """
            let run = try Sallyport().run(
                profile: "strict", workspace: work.path, options: ["--diff"], ["sh", "-c", script])
            #expect(run.code == 0, "\(run.errorText)")
            #expect(contents(marker) == nil)
            let shown = run.text + run.errorText
            for name in [".git/hooks/pre-commit", ".git/config", ".envrc", ".claude/settings.json"] {
                #expect(shown.contains(name), "\(name) is not in: \(shown)")
            }
        }

        @Test("R33: no name of a cgroup comes from a profile", .requires(.root))
        func r33() throws {
            let sallyport = try Sallyport()
            let before = names("/sys/fs/cgroup")
            for line in ["cgroup: ../../x", "limits: {cgroup: ../../x}", "cgroup_path: /x"] {
                let profile = try sallyport.home.file(
                    "cgroup.yaml", "version: 1\nextends: [strict]\nreason: names a group\n\(line)\n")
                let run = try sallyport.run(profile: profile, ["true"])
                #expect(run.code == 125 && run.errorText.contains("cgroup.yaml:4"), "\(run.errorText)")
            }
            #expect(names("/sys/fs/cgroup") == before)
        }

        @Test(
            "R34: maps are written for the process that was cloned, and a start that is killed maps nobody",
            .requires(.root))
        func r34() throws {
            let sallyport = try Sallyport()
            for point in ["ids.allocated", "cgroup.created", "sandbox.launched"] {
                var command = sallyport.runCommand(profile: "strict", record: sallyport.home.at("r34.json"), ["true"])
                command.environment["SALLYPORT_FAULT_POINT"] = point
                #expect(try command.run().ending == .signalled(9), "\(point)")
            }
            let run = try sallyport.run(profile: "strict", ["cat", "/proc/self/uid_map", "/proc/self/gid_map"])
            let maps = run.lines.map { $0.split(separator: " ").map(String.init) }
            #expect(
                maps.count == 2
                    && maps.allSatisfy { $0.count == 3 && $0[0] == "0" && $0[2] == "65535" || $0[2] == "65536" })
            #expect(maps.first?[1] == maps.last?[1] && maps.first?[1] != "0", "\(run.text)")
        }

        @Test("R35: the supervisor loads no library, neither the host's nor a guest's", .requires(.root))
        func r35() throws {
            let work = try Scratch()
            try work.file("libnss_files.so.2", "not a library")
            let sallyport = try Sallyport()
            let running = try sallyport.runCommand(
                profile: "strict", workspace: work.path, options: Sallyport.probeMount + ["--discard"],
                record: sallyport.home.at("r35.json"), [Sallyport.probe, "do", "then", "ids"]
            ).start()
            #expect(try running.line() == "ready")
            let maps = try #require(text("/proc/\(running.pid)/maps"))
            let ours = try #require(text("/proc/self/maps"))
            running.closeInput()
            #expect(try running.finish().code == 0)
            #expect(ours.contains(".so"), "control: these tests do load libraries")
            #expect(maps.contains("/sallyport") && !maps.contains(".so"))
        }

        @Test(
            "R36: a command that looks like an option is a command", .requires(.root),
            arguments: [
                "--bind=/:/x", "--mount", "@file", "--", "-", "--profile=build",
            ])
        func r36(word: String) throws {
            let sallyport = try Sallyport()
            let run = try sallyport.run(profile: "strict", [word])
            #expect(run.code == 127, "\(run.errorText)")
            #expect(run.errorText.contains("\"\(word)\""), "\(run.errorText)")
            let echoed = try sallyport.run(profile: "strict", ["printf", "%s|", word, "", "--mount", "/:/run/x"])
            #expect(echoed.text == "\(word)||--mount|/:/run/x|", "\(echoed.errorText)")
        }

        @Test("R36: an empty command is refused", .requires(.root))
        func r36Empty() throws {
            let run = try Sallyport().run(profile: "strict", [""])
            #expect(run.code == 127 || run.code == 125, "\(run.errorText)")
            #expect(run.errorText.hasPrefix("sallyport: "), "\(run.errorText)")
        }

        @Test(
            "R37: no spelling of a user makes the workload another one", .requires(.root),
            arguments: [
                "0x0", "+0", " 0", "4294967295", "-1", "0", "root", "user\n",
            ])
        func r37(user: String) throws {
            let sallyport = try Sallyport()
            let option = try sallyport.run(profile: "strict", options: ["--user", user], ["id", "-u"])
            #expect(option.code == 125 && option.text.isEmpty, "\(option.errorText)")
            let quoted = user == "user\n" ? "user\\n" : user
            let profile = try sallyport.home.file(
                "user.yaml", "version: 1\nextends: [strict]\nreason: names a user\nuser: \"\(quoted)\"\n")
            let key = try sallyport.run(profile: profile, ["id", "-u"])
            #expect(key.code == 125 && key.errorText.contains("user.yaml:4"), "\(key.errorText)")
            let plain = try sallyport.run(profile: "strict", ["id", "-u"])
            #expect(plain.text == "1000\n", "\(plain.errorText)")
        }

        @Test("R39: no program of ours is setuid, setgid or carries capabilities", .requires(.root))
        func r39() throws {
            var seen = 0
            for name in ["sallyport", "sallyport-task", "sallyport-gateway", "sallyport-broker", "sp-init", "sp-probe"]
            {
                guard let found = status(Executables.path(name)) else { continue }
                seen += 1
                #expect(found.mode & 0o6000 == 0, "\(name)")
            }
            #expect(seen >= 4)
            let scratch = try Scratch()
            try scratch.file("control", mode: 0o6755)
            #expect(status(scratch.at("control")).map { $0.mode & 0o6000 } == 0o6000)
        }

        @Test("R40: setuid bits that a task sets do not reach the caller's tree", .requires(.root))
        func r40Apply() throws {
            let work = try Scratch()
            let run = try Sallyport().run(
                profile: "strict", workspace: work.path, options: ["--apply"],
                ["sh", "-c", "cp /usr/bin/true tool && chmod 6755 tool && stat -c %a tool"])
            #expect(run.text == "6755\n", "control: inside, the bits are there: \(run.errorText)")
            let applied = try #require(status(work.at("tool")), "\(run.errorText)")
            #expect(applied.mode & 0o7777 == 0o755 && applied.uid == 0)
        }

        @Test("R44: marks of the overlay that a task forges confuse nobody", .requires(.root))
        func r44() throws {
            let work = try Scratch()
            try work.directory("lower", mode: 0o777)
            try work.file("lower/file", "kept")
            let probe = Sallyport.probe
            let script = """
                \(probe) do setxattr lower user.overlay.opaque y
                \(probe) do setxattr lower trusted.overlay.opaque y
                \(probe) do setxattr lower user.overlay.redirect /etc
                \(probe) do whiteout lower/other
                \(probe) do setxattr lower user.harmless y
                ls lower
                """
            let run = try Sallyport().run(
                profile: "strict", workspace: work.path, options: Sallyport.probeMount + ["--apply"],
                ["sh", "-c", script])
            let answers = run.lines.map { $0.split(separator: "\t").last.map(String.init) ?? "" }
            #expect(answers.count == 6, "\(run.text)\(run.errorText)")
            // trusted.* needs CAP_SYS_ADMIN; whiteouts are device nodes to the filter.
            #expect(answers.dropFirst().first == "EPERM" && answers.dropFirst(3).first == "EPERM", "\(answers)")
            // Whatever became of the user.* ones, the file below is still there: inside, and outside after apply.
            #expect(answers.last == "file")
            #expect(text(work.at("lower/file")) == "kept")
            #expect(names(work.at("lower")) == ["file"])
        }

        @Test("R46: two sessions share no id, no /tmp, no interface and no process", .requires(.root))
        func r46() throws {
            try prove("R46", ["R46a": "ABSENT"])
            let sallyport = try Sallyport()
            let record = sallyport.home.at("first.json")
            let first = try sallyport.runCommand(
                profile: "strict", options: Sallyport.probeMount, record: record,
                [
                    "sh", "-c",
                    "echo secret > /tmp/shared; chmod 666 /tmp/shared; exec \(Sallyport.probe) do then read /tmp/shared",
                ]
            ).start()
            #expect(try first.line() == "ready")
            let workload = try #require(descendants(of: first.pid).first { $0.name == "sp-probe" })
            let second = try sallyport.run(
                profile: "strict", options: Sallyport.probeMount,
                ["sh", "-c", "\(Sallyport.probe) do read /tmp/shared; \(Sallyport.probe) do kill \(workload.pid)"])
            first.closeInput()
            let outcome = try sallyport.outcome(of: try first.finish(), record: record)
            #expect(second.lines == ["read\tENOENT", "kill\tESRCH"], "\(second.text)\(second.errorText)")
            let bases = [try #require(outcome.idBase), try #require(second.idBase)]
            #expect(
                bases.allSatisfy { $0 >= 65536 } && max(bases[0], bases[1]) - min(bases[0], bases[1]) >= 65536,
                "\(bases)")
        }

        private func repository() throws -> Scratch {
            let work = try Scratch()
            try work.directory(".git", mode: 0o777)
            try work.directory(".git/hooks", mode: 0o777)
            try work.file(".git/hooks/kept", "kept")
            try work.file(".git/config", "[core]\n\tbare = false\n", mode: 0o666)
            chmodTree(work)
            return work
        }

        private func chmodTree(_ work: Scratch) {
            _ = Result { try Command("/bin/chmod", ["-R", "a+rwX", work.path]).run() }
        }
    }
}
