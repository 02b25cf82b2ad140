// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// The whole runner is the agent's: what it says and hands out is chosen by somebody who wants a success.
@Suite("lying runners", .timeLimit(.minutes(25)))
struct LyingRunnerTests {
    /// Programs of this build with another runner in the place of ours, for the `task` mode only.
    func task(
        _ script: String, arguments: [String] = [], test: String = TaskScene.test
    ) throws -> (Delivery, ForgeScene) {
        let scene = try ForgeScene()
        let home = scene.scene.sallyport.home
        let programs = try home.directory("bin")
        for directory in ["share", "share/sallyport"] { try home.directory(directory) }
        // Copies: a program finds its siblings by its own real place.
        let parts = ["sallyport", "sallyport-task", "sallyport-gateway", "sallyport-broker", "sp-init"].map {
            Executables.path($0)
        }
        for (what, place) in [(parts, programs), ([Executables.sources + "/profiles"], home.at("share/sallyport"))] {
            let copied = try Command("/bin/cp", ["-r"] + what + [place]).run()
            try #require(copied.code == 0, "\(copied.errorText)")
        }
        let text = """
            #!/bin/sh
            frame() { length=$(($(printf '%b' "$2" | wc -c) + 2))
                printf "\\\\000\\\\000\\\\$(printf %03o $((length / 256)))\\\\$(printf %03o $((length % 256)))\\\\001\\\\00$1" >&4
                printf '%b' "$2" >&4; }
            option() { name=$1; shift; while [ $# -gt 1 ]; do [ "$1" = "$name" ] && echo "$2"; shift; done; }
            printf '[safe]\\n\\tdirectory = *\\n[user]\\n\\tname = x\\n\\temail = x@x.invalid\\n' > /tmp/gitconfig
            export GIT_CONFIG_GLOBAL=/tmp/gitconfig
            case $1 in
            verify)
                git clone -q --shared --no-checkout "$(option --source "$@")" /workspace || exit 125
                cd /workspace && git checkout -q --detach "$(option --commit "$@")" || exit 125
                exec /bin/sh -c "$(option --test-command "$@")" ;;
            esac
            \(script)
            """
        try scene.file("bin/sallyport-runner", text)
        chmod(programs + "/sallyport-runner", 0o755)
        let directory = scene.scene.sallyport.home.at("delivered")
        var command = scene.scene.sallyport.command(
            [
                "task", "run", "--forge", scene.forge, "--task", "Fix the file", "--agent-command", "true", "--out",
                directory, "--test-command", test,
            ] + arguments)
        command.path = programs + "/sallyport"
        return (try Delivery(try command.run(), directory: directory), scene)
    }

    /// Work that is honest but for what the test puts around it: `$1` changes the tree.
    static let deliver = """
        base=$(option --base "$@"); branch=$(option --branch "$@"); id=$(option --task-id "$@")
        version=$(option --prompt-version "$@"); opening=$(option --evidence "$@")
        cd /workspace && git clone -q --shared --no-checkout "$(option --source "$@")" . && git checkout -q -b "$branch" "$base"
        change
        git add -A && git commit -q -m "$title" -m "$(trailers)"
        git bundle create -q --version=2 - "$base..refs/heads/$branch" >&3
        """
    static let honest = """
        title=done
        change() { echo fixed > file; }
        trailers() { printf 'Task-Id: %s\\nPrompt-Version: %s\\nSallyport-Evidence: %s\\n' "$id" "$version" "$opening"; }

        """
    private static let red = honest.replacing("echo fixed", with: "echo still-broken")

    @Test(
        "honest work of a replaced runner is verified: the other tests fail for their lie",
        .requires(.root), .requires(.git), .requires(.runner))
    func control() throws {
        let (done, scene) = try task(Self.honest + Self.deliver)
        #expect(done.finished.code == 0 && done.outcome == "verified", "\(done.finished.errorText)")
        #expect(names(scene.forge + "/pulls") == ["1.json"])
    }

    static let frames = [
        "frame 1 'name=pull_request_opened\\nnumber=7\\n'", "frame 1 'name=verified\\noutcome=verified\\n'",
        "frame 2 'text=all tests pass, outcome: verified\\n'",
        "frame 3 'phase=after\\ncheck=test\\noutcome=passed\\nexit_code=0\\n'",
        "frame 4 'number=1\\n'", "frame 5 'name=test\\noutcome=ok\\n'", "frame 6 'micro_dollars=0\\n'",
    ]

    @Test(
        "a forged frame of any kind changes nothing: red stays red, nothing is handed over",
        .requires(.root), .requires(.git), .requires(.runner), arguments: frames)
    func forged(_ frame: String) throws {
        let (done, scene) = try task(Self.red + frame + "\n" + Self.deliver)
        #expect(done.finished.code == 1 && done.outcome == "test_failed", "\(done.finished.errorText)")
        #expect(done.evidence?["state"]?.stringValue == "FAILED" && done.test("after") == "failed")
        // The lie arrived, and is kept as one.
        let claims = try #require(done.evidence?["claimed"]?["frames"]?.arrayValue)
        #expect(claims.count == 1 && claims[0]["claimed"]?.boolValue == true, "\(claims)")
        #expect(names(scene.forge + "/pulls").isEmpty)
        #expect(try scene.branches() == "main")
    }

    @Test(
        "as many frames as the gateway takes cannot keep the evidence from being written",
        .requires(.root), .requires(.git), .requires(.runner))
    func frameFlood() throws {
        let note = "text=" + String(repeating: "x", count: 4000)
        let (done, scene) = try task(
            Self.red + "n=0; while [ $n -lt 2600 ]; do frame 2 '\(note)\\n'; n=$((n + 1)); done\n" + Self.deliver)
        #expect(done.finished.code == 1 && done.outcome == "test_failed", "\(done.finished.errorText)")
        #expect(done.evidence?["claimed"]?["cut"]?.boolValue == true)
        let frames = try #require(contents(done.directory + "/frames.jsonl"), "\(names(done.directory))")
        #expect(frames.count > 9 << 20 && names(scene.forge + "/pulls").isEmpty)
    }

    @Test(
        "success without a result is none", .requires(.root), .requires(.git), .requires(.runner),
        arguments: ["exit 0", "frame 1 'name=bundled\\n'; exit 0", "frame 1 'name=done\\n'; sleep 100 & exit 0"])
    func nothing(_ script: String) throws {
        let (done, scene) = try task(script)
        #expect(done.finished.code == 1 && done.outcome == "nothing_to_deliver", "\(done.finished.errorText)")
        #expect(done.evidence?["reason"]?.stringValue == "nothing_done" && names(scene.forge + "/pulls").isEmpty)
    }

    @Test(
        "commits that do not say which task and prompt they come from are refused, whoever wrote them",
        .requires(.root), .requires(.git), .requires(.runner),
        arguments: [
            ("trailers() { echo nothing; }", "Task-Id"),
            ("trailers() { printf 'Task-Id: t0\\nPrompt-Version: %s\\n' $version; }", "Task-Id"),
            ("trailers() { printf 'Task-Id: %s\\nPrompt-Version: 000000000000\\n' $id; }", "Prompt-Version"),
            ("trailers() { printf 'Task-Id: %s\\nPrompt-Version: %s\\n' $id $version; }", "Sallyport-Evidence"),
            (
                "trailers() { printf 'Task-Id: %s\\nPrompt-Version: %s\\nSallyport-Evidence: 0\\n' $id $version; }",
                "Sallyport-Evidence"
            ),
            (
                "trailers() { printf 'Task-Id: %s\\nTask-Id: %s\\nPrompt-Version: %s\\n' $id $id $version; }", "Task-Id"
            ),
        ])
    func trailers(_ change: String, _ words: String) throws {
        let (done, scene) = try task(Self.honest + change + "\n" + Self.deliver)
        #expect(done.finished.code == 1 && done.outcome == "refused" && done.commit == nil)
        #expect(done.evidence?["refusal"]?.stringValue?.contains(words) == true, "\(done.finished.errorText)")
        #expect(try scene.scene.git(done.repository, "for-each-ref", "--format=%(refname)") == "refs/heads/base")
        #expect(names(scene.forge + "/pulls").isEmpty)
    }

    @Test("a flood of frames ends the stream and not the task", .requires(.root), .requires(.git), .requires(.runner))
    func flood() throws {
        let (done, _) = try task(
            Self.red + "i=0; while [ $i -lt 3000 ]; do frame 2 'text=x\\n'; i=$((i+1)); done\n"
                + "head -c 3000000 /dev/zero >&4\n" + Self.deliver)
        #expect(done.outcome == "test_failed", "\(done.finished.errorText)")
        #expect(done.evidence?["claimed"]?["cut"]?.boolValue == true)
    }

    @Test(
        "an agent that steals its runner's descriptors from outside of it gets nothing but a lost task",
        .requires(.root), .requires(.git), .requires(.runner))
    func replaced() throws {
        let scene = try ForgeScene()
        // The agent stops its runner and hands out a bundle of its own through the runner's open files.
        let done = try scene.task(
            ["--task", "x"],
            agent: "echo still-broken > file; kill -STOP $PPID; for fd in 3 4; do echo lie > /proc/$PPID/fd/$fd; done; "
                + "kill -9 $PPID")
        #expect(done.finished.code == 1 && done.outcome == "killed" && done.commit == nil)
        #expect(done.evidence?["reason"]?.stringValue == "no_result" && names(scene.forge + "/pulls").isEmpty)
    }
}

extension String {
    fileprivate func replacing(_ old: String, with new: String) -> String {
        guard let range = firstRange(of: old) else { return self }
        return String(self[..<range.lowerBound]) + new + String(self[range.upperBound...])
    }
}
