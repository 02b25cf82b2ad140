// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// Custom steps as a task runs them: a program in a sandbox of its own, JSON in, JSON out.
@Suite("custom steps", .timeLimit(.minutes(25)))
struct CustomStepTests {
    let sallyport: Sallyport

    init() throws { sallyport = try Sallyport() }

    /// A blueprint with one step that runs this shell text.
    func blueprint(_ command: String, _ more: String = "") throws -> String {
        let text = """
            version: 1
            repo: team/library
            reason: tests
            source: {repository: /srv/git/library.git}
            submitters: ["user:alice"]
            runner: {command: exec agent}
            credentials: {forge: "credential:forge-token"}
            agent: {max_turns: 42}
            pipeline:
              previous_results: 2
              custom_steps:
                - name: scan
                  phase: post-agent
                  timeout: 20s
                  config: {severity: high}
                  command: |
            \(command.split(separator: "\n", omittingEmptySubsequences: false).map { "        " + $0 }.joined(separator: "\n"))
            \(more)
            """
        return try sallyport.home.file("blueprint.yaml", text + "\n")
    }

    struct Ran {
        let finished: Finished
        /// What the host saw.
        let facts: JSON?
        /// What the step said, or what its end was turned into.
        let output: JSON?
        var attempts: [JSON] { facts?["attempts"]?.arrayValue ?? [] }
        var causes: [String?] { attempts.map { $0["cause"]?.stringValue } }
    }

    func run(_ blueprint: String, _ options: [String] = []) throws -> Ran {
        let done = try sallyport.command(["blueprint", "step", "scan", "--blueprint", blueprint, "--json"] + options)
            .run()
        let lines = done.lines
        #expect(done.code == 125 || lines.count == 2, "\(done.text)\(done.errorText)")
        return Ran(
            finished: done, facts: try lines.first.map { try JSONParser.parse(Array($0.utf8)) },
            output: try lines.dropFirst().first.map { try JSONParser.parse(Array($0.utf8)) })
    }

    @Test("2.9: a step gets its input on standard input and its output is read back", .requires(.root))
    func input() throws {
        let results = try sallyport.home.file(
            "results.json",
            "["
                + (1...4).map { "{\"step\":\"s\($0)\",\"output\":{\"status\":\"success\",\"metadata\":{\"n\":\($0)}}}" }
                .joined(separator: ",") + "]")
        let ran = try run(
            try blueprint("printf '{\"status\":\"success\",\"metadata\":{\"input\":'\ncat\nprintf '}}'"),
            ["--task", "T7", "--round", "3", "--results", results])
        try #require(ran.finished.code == 0, "\(ran.finished.errorText)")
        let input = try #require(ran.output?["metadata"]?["input"])
        #expect(input["taskId"] == "T7" && input["repo"] == "team/library" && input["step"] == "scan")
        #expect(input["attempt"] == 1 && input["idempotencyKey"] == "T7/scan/3")
        // 2.12: its own configuration and a part of the task's; not where the credential is.
        #expect(input["blueprintConfig"]?["config"] == ["severity": "high"])
        #expect(input["blueprintConfig"]?["max_turns"] == 42)
        #expect(!input.compactText.contains("forge-token"))
        // 2.9: the newest results, as many as the blueprint says, in order.
        #expect(input["previousStepResults"]?.objectValue?.map(\.name) == ["s3", "s4"])
        #expect(ran.facts?["idempotency_key"] == "T7/scan/3" && ran.attempts.count == 1)
        #expect(ran.attempts.first?["outcome"] == "exited")
    }

    @Test("2.11: a step that says it failed is over at once", .requires(.root))
    func failing() throws {
        let ran = try run(
            try blueprint("echo '{\"status\":\"failed\",\"error\":\"2 findings\",\"metadata\":{\"n\":2}}'; exit 3"))
        #expect(ran.finished.code == 1 && ran.attempts.count == 1)
        #expect(ran.output == ["status": "failed", "metadata": ["n": 2], "error": "2 findings"])
        #expect(ran.causes == [nil])
    }

    @Test("2.11: a flaky step is tried again with the same key, waits of 1 and 2 seconds between", .requires(.root))
    func flaky() throws {
        let ran = try run(
            try blueprint(
                """
                input=$(cat)
                case $input in
                    *'"attempt":1,'*) exit 75 ;;
                    *'"attempt":2,'*) exit 75 ;;
                esac
                printf '{"status":"success","metadata":{"input":%s}}' "$input"
                """))
        #expect(ran.finished.code == 0, "\(ran.finished.errorText)")
        #expect(ran.causes == ["temporary", "temporary", nil])
        #expect(ran.attempts.map { $0["again_after_s"]?.intValue } == [1, 2, nil])
        #expect(ran.attempts.map { $0["attempt"]?.intValue } == [1, 2, 3])
        // Each attempt has a sandbox of its own.
        #expect(Set(ran.attempts.compactMap { $0["session"]?.stringValue }).count == 3)
        #expect(ran.output?["metadata"]?["input"]?["idempotencyKey"] == "trial/scan/1")
    }

    @Test(
        "2.11: a step that never ends is stopped at its time, and no more than 1 + max_retries are made",
        .requires(.root))
    func late() throws {
        let file = try blueprint(
            "echo '{\"status\":\"success\"}'; sleep 100", "      timeout: 1s\n      max_retries: 1")
        let text = try String(decoding: #require(contents(file)), as: UTF8.self)
        _ = try sallyport.home.file("blueprint.yaml", text.replacing("      timeout: 20s\n", with: ""))
        let ran = try run(file)
        #expect(ran.finished.code == 1)
        #expect(ran.causes == ["timed_out", "timed_out"] && ran.attempts.last?["again_after_s"]?.isNull == true)
        // It had said that it succeeded: what the supervisor saw goes first.
        #expect(ran.output?["status"] == "failed" && ran.output?["metadata"]?["cause"] == "timed_out")
        #expect(ran.attempts.allSatisfy { $0["outcome"] == "timed_out" })
    }

    @Test("2.9: metadata of more than 10 KB fails the step, whole and at once", .requires(.root))
    func oversize() throws {
        let say =
            "printf '{\"status\":\"success\",\"metadata\":{\"a\":\"'; head -c %d /dev/zero | tr '\\0' x; printf '\"}}'"
        let taken = try run(try blueprint(say.replacing("%d", with: "10232")))
        #expect(taken.finished.code == 0)
        #expect(taken.output?["metadata"]?["a"]?.stringValue?.utf8.count == 10_232)
        for count in ["10233", "60000", "5000000"] {
            let ran = try run(try blueprint(say.replacing("%d", with: count)))
            #expect(ran.finished.code == 1 && ran.causes == ["oversize"] && ran.attempts.count == 1, "\(count)")
            #expect(ran.output?["metadata"] == ["cause": "oversize"])
        }
    }

    static let hostile: [(String, String)] = [
        ("true", "malformed"), ("echo done", "malformed"), ("echo '{\"status\":\"success\"' ", "malformed"),
        ("echo '{\"status\":\"success\"}{}'", "malformed"),
        ("echo '{\"status\":\"success\"}' >&2", "malformed"),
        ("echo '{\"status\":\"success\",\"step\":\"finalize\"}'", "malformed"),
        ("printf '{\"status\":\"\\377\"}'", "malformed"),
        ("echo '{\"status\":\"success\"}'; exit 1", "contradicted"),
        ("echo '{\"status\":\"success\"}'; kill -9 $$", "signalled"), ("exec no-such-program", "malformed"),
        ("head -c 3000000 /dev/zero | tr '\\0' '['", "oversize"),
    ]

    @Test("what is no output is no success, and is not tried again", .requires(.root), arguments: hostile)
    func refused(_ command: String, _ cause: String) throws {
        let ran = try run(try blueprint(command))
        #expect(
            ran.finished.code == 1 && ran.causes == [cause] && ran.output?["status"] == "failed",
            "\(ran.finished.errorText)")
    }

    @Test("with --attempt one attempt is made, and whether it may be repeated is the exit status", .requires(.root))
    func single() throws {
        let ran = try run(try blueprint("exit 75"), ["--attempt", "2"])
        #expect(ran.finished.code == 75 && ran.attempts.map { $0["attempt"]?.intValue } == [2])
        #expect(ran.attempts.first?["again_after_s"]?.intValue == 2)
        let last = try run(try blueprint("exit 75"), ["--attempt", "3"])
        #expect(last.finished.code == 1 && last.output?["metadata"] == ["cause": "temporary"])
    }

    @Test(
        "a step has no network, no repository and no way out of its sandbox unless the blueprint says so",
        .requires(.root))
    func bounded() throws {
        let ran = try run(
            try blueprint(
                """
                test -e /workspace/file && tree=yes || tree=no
                (echo x >/usr/x) 2>/dev/null && write=yes || write=no
                printf '{"status":"success","metadata":{"tree":"%s","write":"%s","uid":"%s"}}' $tree $write $(id -u)
                """))
        #expect(ran.output?["metadata"]?["tree"] == "no" && ran.output?["metadata"]?["write"] == "no")
        #expect(ran.output?["metadata"]?["uid"]?.stringValue != "0")
    }

    @Test("a step with the repository sees the tree and cannot write it", .requires(.root))
    func tree() throws {
        let tree = try sallyport.home.directory("tree")
        try sallyport.home.file("tree/file", "content\n")
        let command = """
            content=$(cat /workspace/file)
            (echo x >/workspace/file) 2>/dev/null && write=yes || write=no
            printf '{"status":"success","metadata":{"content":"%s","write":"%s"}}' "$content" $write
            """
        let file = try blueprint(command, "      workspace: repository")
        let ran = try run(file, ["--tree", tree])
        #expect(ran.output?["metadata"] == ["content": "content", "write": "no"], "\(ran.finished.errorText)")
        let missing = try run(file)
        #expect(missing.finished.code == 125 && missing.finished.errorText.contains("--tree"))
    }

    @Test(
        "a program of the host is shown read-only and gets its arguments; one that others can write is not run",
        .requires(.root))
    func program() throws {
        let path = try sallyport.home.file(
            "step.sh", "#!/bin/sh\nprintf '{\"status\":\"skipped\",\"error\":\"%s\"}' \"$*\"\n")
        chmod(path, 0o755)
        let file = try blueprint("true")
        let text = String(decoding: try #require(contents(file)), as: UTF8.self)
        let program = text.replacing(
            "      command: |\n        true\n", with: "      program: \(path)\n      arguments: [--level, \"a b\"]\n")
        try #require(program != text)
        _ = try sallyport.home.file("blueprint.yaml", program)
        let ran = try run(file)
        #expect(ran.finished.code == 0 && ran.output?["error"] == "--level a b", "\(ran.finished.errorText)")
        chmod(path, 0o777)
        let refused = try run(file)
        #expect(refused.finished.code == 125 && refused.finished.errorText.contains("Others can write it"))
    }

    @Test("a profile that there is not, and a step that there is not, are errors with what to do", .requires(.root))
    func unknown() throws {
        let ran = try run(try blueprint("true", "      profile: no-such-profile"))
        #expect(
            ran.causes == ["start_refused"] && ran.output?["error"]?.stringValue?.contains("no-such-profile") == true)
        let other = try sallyport.command(["blueprint", "step", "lint", "--blueprint", try blueprint("true")]).run()
        #expect(other.code == 125 && other.errorText.contains("known: scan"))
    }

    @Test("nothing is left of a trial; --out keeps logs and output", .requires(.root))
    func residue() throws {
        _ = try run(try blueprint("echo words >&2; echo '{\"status\":\"success\"}'"))
        #expect(names(sallyport.state + "/steps") == [])
        let out = sallyport.home.at("kept")
        _ = try run(try blueprint("echo words >&2; echo '{\"status\":\"success\"}'"), ["--out", out])
        #expect(contents(out + "/output.json") == Array("{\"status\":\"success\",\"metadata\":{}}".utf8))
        #expect(contents(out + "/attempt-1.log")?.starts(with: "words\n".utf8) == true)
        let again = try run(try blueprint("true"), ["--out", out])
        #expect(again.finished.code == 125)
    }
}
