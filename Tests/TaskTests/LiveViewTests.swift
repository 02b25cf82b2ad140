// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

@Suite("live view of a task", .timeLimit(.minutes(25)))
struct LiveViewTests {
    @Test(
        "on a terminal the runner's words are shown as they come, marked as claimed and defused",
        .requires(.root), .requires(.git), .requires(.runner))
    func live() throws {
        let scene = try TaskScene()
        let terminal = try CallerTerminal(
            scene.sallyport.command([
                "task", "run", "--repo", scene.repository, "--task", "x", "--out",
                scene.sallyport.home.at("delivered"), "--agent-command",
                "printf 'turn\\ntool Edit ok\\nnote a\\033[2Jb\\n' > $SALLYPORT_EVENTS; sleep 600",
            ]))
        // The agent sleeps on: what is seen here did not wait for its end.
        try terminal.wait(for: "claimed: agent_started")
        try terminal.wait(for: "claimed: a\\x1b[2Jb")
        try terminal.wait(for: "1 turns, Edit ok")
        try terminal.type("\u{3}")
        let end = try terminal.finish()
        #expect(end == .exited(1) && terminal.text.contains("interrupted"), "\(terminal.text)")
        #expect(!terminal.text.contains("\u{1B}[2J"))
    }

    @Test("without a terminal none of it is shown", .requires(.root), .requires(.git), .requires(.runner))
    func quiet() throws {
        let done = try TaskScene().task(agent: "echo fixed > file")
        #expect(done.outcome == "verified" && !done.finished.errorText.contains("claimed:"))
    }
}
