// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

extension Threats {
    /// Section 4.7, first half: profiles and arguments that are wrong, broad or somebody else's.
    @Suite("threats 4.7: policy and configuration")
    struct PolicyThreatTests {
        /// A profile of one test: `strict` and some more lines, the first of which is line 4.
        private func profile(_ sallyport: Sallyport, _ lines: String, name: String = "own.yaml") throws -> String {
            try sallyport.home.file(name, "version: 1\nextends: [strict]\nreason: made by a test\n\(lines)\n")
        }

        @Test("P01: an empty list allows nothing", .requires(.root))
        func p01() throws {
            let sallyport = try Sallyport()
            let script = "echo x > /tmp/x && echo tmp; echo x > /workspace/x && echo workspace; true"
            let control = try sallyport.run(profile: "strict", options: ["--discard"], ["sh", "-c", script])
            #expect(control.lines == ["tmp", "workspace"], "\(control.errorText)")
            let empty = try profile(sallyport, "filesystem: {writable: []}\negress: {rules: []}")
            let run = try sallyport.run(profile: empty, options: ["--discard"], ["sh", "-c", script])
            #expect(run.code == 0 && run.text.isEmpty, "\(run.text)\(run.errorText)")
            let network = try sallyport.run(profile: empty, ["cat", "/proc/net/dev"])
            #expect(network.lines.filter { $0.contains(":") }.count == 1, "only lo: \(network.text)")
        }

        @Test("P02: where the caller stands does not widen what the task sees", .requires(.root))
        func p02() throws {
            let sallyport = try Sallyport()
            var command = sallyport.runCommand(
                profile: "strict", options: ["--discard"], record: sallyport.home.at("p02.json"),
                ["sh", "-c", "pwd; ls -A; ls /root /home /var 2>&1 | head -5; echo x > ../x"])
            command.directory = "/"
            let run = try command.run()
            #expect(run.lines.first == "/workspace", "\(run.errorText)")
            #expect(!run.text.contains("boot") && !run.text.contains("lib"), "\(run.text)")
            #expect(contents("/x") == nil && run.code != 0)
        }

        @Test("P03: variables that steer programs do not pass", .requires(.root))
        func p03() throws {
            let sallyport = try Sallyport()
            let hostile = [
                "BASH_ENV", "ENV", "LD_PRELOAD", "LD_LIBRARY_PATH", "GIT_SSH_COMMAND", "GIT_DIR", "PAGER",
                "NODE_OPTIONS",
                "PYTHONSTARTUP", "PYTHONPATH", "PERL5OPT", "DYLD_INSERT_LIBRARIES", "IFS", "PROMPT_COMMAND",
                "SSH_AUTH_SOCK",
            ]
            var command = sallyport.runCommand(profile: "strict", record: sallyport.home.at("p03.json"), ["env"])
            for name in hostile { command.environment[name] = "/tmp/evil" }
            let control = try { () throws -> Finished in
                var plain = Command("/usr/bin/env")
                plain.environment = ["PYTHONSTARTUP": "/tmp/evil"]
                return try plain.run()
            }()
            #expect(control.text.contains("PYTHONSTARTUP=/tmp/evil"))
            let run = try command.run()
            #expect(run.code == 0 && run.text.contains("PATH="), "\(run.errorText)")
            #expect(!run.text.contains("evil"), "\(run.text)")
            let names = Set(run.lines.compactMap { $0.split(separator: "=").first.map(String.init) })
            #expect(names.isDisjoint(with: hostile))
        }

        @Test("P04: directories that somebody else made are refused", .requires(.root))
        func p04() throws {
            let sallyport = try Sallyport()
            let flaws: [(String, (Scratch) throws -> Void)] = [
                ("link", { try $0.symlink("runtime", to: "/tmp") }),
                ("writable", { try $0.directory("runtime", mode: 0o777) }),
                (
                    "foreign",
                    {
                        try $0.directory("runtime")
                        #expect(try Command("/bin/chown", ["65534", $0.at("runtime")]).run().code == 0)
                    }
                ),
                ("file", { try $0.file("runtime") }),
            ]
            for (flaw, make) in flaws {
                let scene = try Scratch()
                try make(scene)
                var command = sallyport.runCommand(profile: "strict", record: sallyport.home.at("p04.json"), ["true"])
                command.environment["SALLYPORT_RUNTIME_DIR"] = scene.at("runtime")
                let run = try command.run()
                #expect(run.code == 125 && run.errorText.contains("runtime"), "\(flaw): \(run.errorText)")
            }
        }

        @Test("P05: spellings of one path are one path, and what is no spelling is refused", .requires(.root))
        func p05() throws {
            let sallyport = try Sallyport()
            let work = try Scratch()
            try work.directory("secret", mode: 0o777)
            try work.file("secret/key", "key")
            let script = "cat secret/key; cat /workspace//secret/./key; cat ../workspace/secret/key"
            let control = try sallyport.run(
                profile: "strict", workspace: work.path, options: ["--discard"], ["sh", "-c", script])
            #expect(control.text == "keykeykey", "\(control.errorText)")
            for spelling in ["/workspace/secret", "/workspace/secret/", "/workspace//secret", "/workspace/./secret"] {
                let denied = try profile(sallyport, "filesystem: {deny: [\(spelling)]}")
                let run = try sallyport.run(
                    profile: denied, workspace: work.path, options: ["--discard"], ["sh", "-c", script])
                // A spelling is either the same rule or no rule at all: never one that is taken and does nothing.
                let refused = run.code == 125 && run.errorText.contains("own.yaml:4")
                #expect(refused || (run.code != 125 && run.text.isEmpty), "\(spelling): \(run.text)\(run.errorText)")
            }
            for spelling in ["/workspace/../etc", "workspace/secret", "/workspace/*", "~/secret", ""] {
                let wrong = try profile(sallyport, "filesystem: {deny: [\"\(spelling)\"]}")
                let run = try sallyport.run(profile: wrong, ["true"])
                #expect(run.code == 125 && run.errorText.contains("own.yaml:4"), "\(spelling): \(run.errorText)")
            }
            for spelling in ["\(work.path)/", "\(work.path)//", "\(work.path)/."] {
                let run = try sallyport.run(
                    profile: "strict", workspace: spelling, options: ["--discard"], ["cat", "secret/key"])
                #expect(run.text == "key", "\(spelling): \(run.errorText)")
            }
        }

        @Test("P06: the most specific rule decides, and a denial wins a tie", .requires(.root))
        func p06() throws {
            let sallyport = try Sallyport()
            let work = try Scratch()
            try work.directory("open", mode: 0o777)
            try work.directory("open/closed", mode: 0o777)
            try work.file("open/closed/key", "key")
            let rules = "filesystem: {writable: [/workspace, /workspace/open], deny: [/workspace/open/closed]}"
            let script =
                "echo x > open/x && cat open/x; cat open/closed/key; echo y > open/closed/y; ls open/closed; true"
            let control = try sallyport.run(
                profile: "strict", workspace: work.path, options: ["--discard"], ["sh", "-c", script])
            #expect(control.text == "x\nkeykey\ny\n", "\(control.text)\(control.errorText)")
            let run = try sallyport.run(
                profile: try profile(sallyport, rules), workspace: work.path, options: ["--discard"],
                ["sh", "-c", script])
            #expect(run.text == "x\n", "\(run.text)\(run.errorText)")
            let tie = try profile(sallyport, "filesystem: {writable: [/workspace/open], deny: [/workspace/open]}")
            let refused = try sallyport.run(profile: tie, workspace: work.path, ["true"])
            #expect(refused.code == 125 && refused.errorText.contains("own.yaml:4"), "\(refused.errorText)")
        }

        @Test(
            "P07: a profile that is not exactly one is refused with its line", .requires(.root),
            arguments: [
                ("unknown key", "filesistem: {}"), ("duplicate key", "rootfs: host\nrootfs: host"),
                ("wrong type", "limits: 12"), ("wrong unit", "limits: {memory: 12 apples}"),
                ("boolean as word", "filesystem: {workspace: no}"), ("anchor", "limits: &a {pids: 12}\nx: *a"),
                ("tab", "limits:\n\tpids: 12"), ("two documents", "--- \nversion: 1"),
                ("negative", "limits: {pids: -1}"),
                ("deep", "x: " + String(repeating: "[", count: 200) + String(repeating: "]", count: 200)),
            ])
        func p07(flaw: String, lines: String) throws {
            let sallyport = try Sallyport()
            let file = try profile(sallyport, lines)
            let marker = try sallyport.run(profile: file, ["echo", "ran"])
            #expect(marker.code == 125 && marker.text.isEmpty, "\(flaw): \(marker.text)")
            #expect(marker.errorText.contains("own.yaml:"), "\(flaw): \(marker.errorText)")
            #expect(marker.session == nil, "\(flaw) made a session")
        }

        @Test("P07: a profile larger than its bound is refused", .requires(.root))
        func p07Large() throws {
            let sallyport = try Sallyport()
            let huge = try profile(sallyport, String(repeating: "# filler\n", count: 40_000))
            let run = try sallyport.run(profile: huge, ["true"])
            #expect(run.code == 125 && run.errorText.contains("own.yaml"), "\(run.errorText)")
        }

        @Test("P08: a rule that can never hold is an error", .requires(.root))
        func p08() throws {
            let sallyport = try Sallyport()
            for rule in [
                "filesystem: {writable: [/usr]}", "filesystem: {deny: [/usr]}", "syscalls: {deny: [execve]}",
                "egress: {rules: [{host: example.org, reason: x}, {deny: example.org, reason: always wins}]}",
            ] {
                let file = try profile(sallyport, rule)
                let lint = try sallyport.command(["profile", "lint", file]).run()
                #expect(lint.code != 0, "\(rule)")
                let run = try sallyport.run(profile: file, ["true"])
                // The place is that of the rule, or of the one that it contradicts.
                #expect(run.code == 125 && run.errorText.contains(".yaml:"), "\(rule): \(run.errorText)")
            }
            let fine = try profile(sallyport, "limits: {pids: 100}")
            #expect(try sallyport.command(["profile", "lint", fine]).run().code == 0)
        }

        @Test("P09: neither the root nor a home is a workspace", .requires(.root))
        func p09() throws {
            let sallyport = try Sallyport()
            for path in ["/", "//", "/root", "/etc/..", "/root/."] {
                let run = try sallyport.run(profile: "strict", workspace: path, ["ls"])
                #expect(run.code == 125 && run.text.isEmpty, "\(path): \(run.text)")
                #expect(run.errorText.contains("as a workspace"), "\(path): \(run.errorText)")
            }
            let work = try Scratch()
            #expect(try sallyport.run(profile: "strict", workspace: work.path, ["true"]).code == 0)
        }

        @Test("P10: a profile that others can write, own or redirect is refused", .requires(.root))
        func p10() throws {
            let sallyport = try Sallyport()
            let file = try profile(sallyport, "limits: {pids: 100}")
            #expect(try sallyport.run(profile: file, ["true"]).code == 0)
            try sallyport.home.symlink("link.yaml", to: file)
            let link = try sallyport.run(profile: sallyport.home.at("link.yaml"), ["true"])
            #expect(link.code == 125 && link.errorText.contains("symlink"), "\(link.errorText)")
            for mode in ["0666", "0664"] {
                #expect(try onHost(["chmod", file, mode]) == "ok")
                let run = try sallyport.run(profile: file, ["true"])
                #expect(run.code == 125 && run.errorText.contains("own.yaml"), "\(run.errorText)")
            }
            #expect(try onHost(["chmod", file, "0644"]) == "ok")
            #expect(try Command("/bin/chown", ["65534", file]).run().code == 0)
            let foreign = try sallyport.run(profile: file, ["true"])
            #expect(foreign.code == 125 && foreign.errorText.contains("65534"), "\(foreign.errorText)")
        }
    }
}
