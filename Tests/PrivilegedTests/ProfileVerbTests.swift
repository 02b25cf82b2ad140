// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

/// `sallyport profile` and `run --limit`, as a caller types them. Only the last one needs root.
@Suite("profile verb", .timeLimit(.minutes(25)))
struct ProfileVerbTests {
    let operators: Sallyport
    init() throws { operators = try Sallyport() }

    private func profile(_ arguments: String...) throws -> Finished {
        try operators.command(["profile"] + arguments).run()
    }

    @Test("list names every shipped profile with its reason")
    func list() throws {
        let finished = try profile("list", "--json")
        #expect(finished.code == 0)
        let rows = try #require(try JSON.read(finished.output, file: "list").arrayValue)
        let names = rows.compactMap { $0["name"]?.stringValue }
        for name in ["build", "review", "strict", "strict-rlimit"] { #expect(names.contains(name)) }
        for row in rows { #expect(row["reason"]?.stringValue?.isEmpty == false) }
    }

    @Test("show prints the file, or every key with the line that wrote it")
    func show() throws {
        #expect(try profile("show", "build").lines.contains("extends: [strict]"))
        let resolved = try profile("show", "build", "--resolved").lines
        #expect(resolved.contains { $0.hasPrefix("limits.memory: 6GiB  # ") && $0.contains("build.yaml:") })
        #expect(resolved.contains { $0.hasPrefix("landlock: required  # ") && $0.contains("strict.yaml:") })
    }

    @Test("a file's own escape sequences are shown, not sent")
    func escapes() throws {
        let file = try operators.home.file("odd.yaml", "version: 1\nreason: x # \u{1b}[2J\n", mode: 0o644)
        let finished = try profile("show", file)
        #expect(finished.code == 0)
        #expect(finished.lines.contains("reason: x # \\u{1b}[2J"))
    }

    @Test(
        "lint exits with 0 for warnings, 1 for errors and 125 for what cannot be read",
        arguments: [
            ("", 0, "nothing to say"), ("limits: {enforcement: rlimit}\n", 0, "warning: "),
            ("limits: {pids: 3}\n", 1, "error: "),
            ("limts: {pids: 3}\n", 125, ""),
        ] as [(String, Int32, String)])
    func lint(lines: String, code: Int32, begins: String) throws {
        let file = try operators.home.file(
            "p.yaml", "version: 1\nextends: [strict]\nreason: test\n" + lines, mode: 0o644)
        let finished = try profile("lint", file)
        #expect(finished.code == code)
        #expect(finished.text.hasPrefix(begins))
        if code == 125 {
            #expect(finished.errorText.hasPrefix("sallyport: cannot load profile \(file):4: unknown key \"limts\""))
        }
    }

    @Test("filter prints the rules, and writes a program of whole instructions")
    func filter() throws {
        let text = try profile("filter", "strict")
        #expect(text.lines.first == "default -> refuse ENOSYS")
        #expect(text.lines.contains("mount -> refuse EPERM, recorded"))
        let path = operators.home.at("filter.bpf")
        #expect(try profile("filter", "strict", "--bpf", path).code == 0)
        let program = try #require(contents(path))
        #expect(program.count > 8 * 100 && program.count % 8 == 0)
        // BPF_LD | BPF_W | BPF_ABS at offset 4: a filter looks at the architecture first. seccomp(2)
        #expect(Array(program.prefix(8)) == [0x20, 0, 0, 0, 4, 0, 0, 0])
    }

    @Test("--limit raises a limit of the profile, and the group has the higher one", .requires(.root))
    func limit() throws {
        let raised = try operators.run(options: ["--limit", "pids=300"], ["true"])
        #expect(raised.code == 0, "\(raised.errorText)")
        #expect(raised.result?["layers"]?["cgroup"]?["pids.max"] == "300")
        let weaker = try operators.run(options: ["--limit", "enforcement=rlimit"], ["true"])
        #expect(weaker.code == 125)
        #expect(
            weaker.errorText.hasPrefix("sallyport: cannot apply --limit: limit \"enforcement\" of rlimit is weaker"))
    }
}
