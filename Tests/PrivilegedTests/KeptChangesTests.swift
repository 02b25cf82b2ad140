// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

/// What a session's changes are between its end and the caller's tree.
@Suite("kept changes")
struct KeptChangesTests {
    @Test(
        "changes that the limit has no room for cost none of the others, and are not applied by chance",
        .requires(.root))
    func partial() throws {
        let work = try Scratch()
        let operation = try Sallyport()
        // Holes take no room in the session, and all of their length in a set.
        let run = try operation.run(
            profile: "strict", workspace: work.path, options: ["--apply", "--limit", "workspace_bytes=1MiB"],
            ["sh", "-c", "truncate -s 900K a; truncate -s 900K b; echo small > c"])
        #expect(run.code == 0, "\(run.errorText)")
        let changes = run.result?["changes"]
        #expect(changes?["kept"] == .bool(true))
        #expect(changes?["entries"]?.intValue == 3)
        #expect(changes?["partial"] == .bool(true))
        #expect(changes?["left_out"]?.intValue == 1)
        #expect(run.errorText.contains("left out  b: its content did not fit any more"), "\(run.errorText)")
        #expect(names(work.path) == [])

        let session = try #require(run.session)
        #expect(try operation.command(["session", "list"]).run().text.contains("3 changes, partial"))
        let refused = try operation.command(["session", "apply", session]).run()
        #expect(refused.code == 4, "\(refused.text)")
        #expect(names(work.path) == [])
        let taken = try operation.command(["session", "apply", session, "--accept-partial"]).run()
        #expect(taken.code == 0, "\(taken.text)\(taken.errorText)")
        #expect(taken.lines.last == "2 applied, 0 already there, 0 withheld, 0 conflicts")
        #expect(names(work.path) == ["a", "c"])
        // Nothing of it is left to decide.
        #expect(names(operation.state + "/changes") == [])
    }
}
