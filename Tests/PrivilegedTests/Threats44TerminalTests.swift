// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

extension Threats {
    /// Section 4.4: what a task can do to the terminal of its caller, to logs and to records.
    @Suite("threats 4.4: terminal, text and records")
    struct TerminalThreatTests {
        @Test("T01: nothing can be typed into a terminal, the caller's or one's own", .requires(.root))
        func t01() throws {
            try prove("T01", ["T01a": "EPERM", "T01b": "ENXIO"])
        }

        @Test(
            "T01: on a terminal, the workload has another one than its caller", .requires(.root), .requires(.terminal),
            .timeLimit(.minutes(25)))
        func t01Terminal() throws {
            let sallyport = try Sallyport()
            let run = try CallerTerminal(
                sallyport.runCommand(
                    profile: "strict", options: Sallyport.probeMount, record: sallyport.home.at("t01.json"),
                    ["sh", "-c", "\(Sallyport.probe) run T01a; test -t 0 && echo on-a-terminal; ls /dev/pts"]))
            #expect(try run.finish() == .exited(0), "\(run.text)")
            #expect(run.text.contains("T01a\trefused\tEPERM"), "\(run.text)")
            #expect(run.text.contains("on-a-terminal"))
            // Its own instance of devpts: one terminal and the multiplexer, however many the host has.
            #expect(run.text.contains("0  ptmx") || run.text.contains("0\r\nptmx"), "\(run.text)")
        }

        @Test("T02: the console's selection cannot be pasted, and no other line discipline be put on", .requires(.root))
        func t02() throws {
            try prove("T02", ["T02a": "EPERM", "T02b": "EPERM"])
        }

        @Test("T03: bits above the low 32 hide no request", .requires(.root))
        func t03() throws {
            try prove("T03", ["T03a": "EPERM", "T03b": "EPERM"])
        }

        @Test(
            "T04: sequences that act on a terminal do not reach the caller's, colours do", .requires(.root),
            .requires(.terminal), .timeLimit(.minutes(25)))
        func t04() throws {
            let attacks = [
                "\\033]52;c;ZXZpbA==\\007", "\\033]0;title\\007", "\\033]8;;http://evil/\\033\\\\", "\\033[6n",
                "\\033P$qm\\033\\\\",
                "\\302\\2331337n", "\\342\\200\\256", "\\033[?1049h",
                "\\033c",
            ]
            let script = "printf 'begin \\033[31mred\\033[0m'; printf '\(attacks.joined())'; printf ' end\\n'"
            let sallyport = try Sallyport()
            let command = sallyport.runCommand(
                profile: "strict", record: sallyport.home.at("t04.json"), ["sh", "-c", script])
            let run = try CallerTerminal(command)
            #expect(try run.finish() == .exited(0), "\(run.text)")
            #expect(run.text.contains("\u{1b}[31mred\u{1b}[0m") && run.text.contains("end"), "\(run.text)")
            for active in ["\u{1b}]", "\u{1b}P", "\u{1b}[6n", "\u{9b}", "\u{202e}", "\u{1b}c"] {
                #expect(!run.text.contains(active), "\(active.unicodeScalars.map { String($0.value, radix: 16) })")
            }
            // Editors and pagers need the other screen, so it passes; the gateway leaves it when the session has not.
            #expect(run.text.contains("\u{1b}[?1049h") && run.text.hasSuffix("\u{1b}[?1049l"), "\(run.text)")
            var raw = command
            raw.arguments.insert("--raw-output", at: 1)
            let unfiltered = try CallerTerminal(raw)
            #expect(try unfiltered.finish() == .exited(0))
            // The positive control: the same bytes do arrive when the caller asks for them.
            #expect(unfiltered.text.contains("\u{1b}]52;c;"), "\(unfiltered.text)")
        }

        @Test("T05: whatever a name or an argument holds, a record is one JSON document", .requires(.root))
        func t05() throws {
            let hostile = "a.com\n{\"decision\":\"allow\"}\u{2028}\u{1b}]0;x\u{7}\"'\\"
            let sallyport = try Sallyport()
            let run = try sallyport.run(
                profile: "strict", options: ["--env", "HOSTILE=\(hostile)"],
                ["printf", "%s", hostile, String(repeating: "n", count: 100_000)])
            #expect(run.code == 0 && run.text.hasPrefix(hostile), "\(run.errorText)")
            let session = try #require(run.session)
            var read = 0
            for name in ["plan.json", "state.json", "result.json"] {
                let path = "\(sallyport.runtime)/sessions/\(session)/\(name)"
                guard let bytes = contents(path) else { continue }
                read += 1
                let document = try JSON.read(bytes, file: path)
                #expect(document["decision"] == nil && document.objectValue != nil, "\(name)")
                #expect(!bytes.contains(0x1b), "\(name) holds an escape")
            }
            #expect(read >= 2)
        }

        @Test("T06: a result written by the task changes no result", .requires(.root))
        func t06() throws {
            try prove("T06", ["T06a": "EACCES"])
            let forged = "{\"version\":1,\"outcome\":\"exited\",\"exit_code\":0}"
            let script =
                "for fd in 1 2 3 4 5 6 7 8 9; do echo '\(forged)' >&$fd; done 2>/dev/null; "
                + "echo '\(forged)' > /workspace/result.json; echo '\(forged)' > /tmp/result.json; exit 37"
            let run = try Sallyport().run(profile: "strict", options: ["--discard"], ["sh", "-c", script])
            #expect(run.code == 37 && run.outcome == "exited", "\(run.errorText)")
            #expect(run.result?["exit_code"]?.intValue == 37)
            #expect(run.text.contains(forged), "control: the task did write it where it may write")
        }

        @Test(
            "T07: names with newlines, dashes, escapes and no encoding are shown apart and kept by their bytes",
            .requires(.root))
        func t07() throws {
            let work = try Scratch()
            let script =
                "printf 1 > \"$(printf 'new\\nline')\"; printf 2 > ./-rf; printf 3 > \"$(printf 'esc\\033]0;x')\"; "
                + "printf 4 > \"$(printf 'bad\\377utf')\"; printf 5 > Case; printf 6 > case"
            let sallyport = try Sallyport()
            let shown = try sallyport.run(
                profile: "strict", workspace: work.path, options: ["--diff"], ["sh", "-c", script])
            #expect(shown.code == 0, "\(shown.errorText)")
            let output = shown.finished.output + shown.finished.errors
            #expect(!output.contains(0x1b) && !output.contains(0xff))
            let list = shown.text + shown.errorText
            #expect(
                list.contains("Case") && list.contains("case") && list.contains("-rf"), "\(list)")
            let applied = try sallyport.run(
                profile: "strict", workspace: work.path, options: ["--apply"], ["sh", "-c", script])
            #expect(applied.code == 0, "\(applied.errorText)")
            let listing = try Command("/usr/bin/find", [work.path, "-type", "f", "-printf", "%f\\0"]).run()
            let found = Set(listing.output.split(separator: 0).map(Array.init))
            let wanted: [[UInt8]] = [
                Array("new\nline".utf8), Array("-rf".utf8), Array("esc\u{1b}]0;x".utf8),
                Array("bad".utf8) + [0xff] + Array("utf".utf8),
                Array("Case".utf8), Array("case".utf8),
            ]
            #expect(found == Set(wanted))
        }

        @Test("T08: a denial holds the name of a call and a number, and no text of the task", .requires(.root))
        func t08() throws {
            let run = try Sallyport().probe(profile: "strict", ["run", "K03", "K14.mount", "K11c"])
            let denials = try #require(run.result?["denials"]?.arrayValue, "\(run.errorText)")
            #expect(denials.count >= 8)
            for denial in denials {
                #expect(denial.objectValue?.map(\.name) == ["syscall", "errno", "count"])
                let name = try #require(denial["syscall"]?.stringValue)
                #expect(
                    name.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 95 }, "\(name)")
            }
            #expect(denials.contains { $0["syscall"]?.stringValue == "add_key" })
        }
    }
}
