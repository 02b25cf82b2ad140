// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
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

    @Test("changes go to the directory that the session showed, not to another that has its path now", .requires(.root))
    func otherDirectory() throws {
        let work = try Scratch()
        try work.directory("tree")
        let operation = try Sallyport()
        let run = try operation.run(profile: "strict", workspace: work.at("tree"), ["sh", "-c", "echo 1 > new"])
        let session = try #require(run.session)
        #expect(rename(work.at("tree"), work.at("moved")) == 0)
        for (verb, subject) in [("apply", "open directory"), ("diff", "open directory")] {
            let gone = try operation.command(["session", verb, session]).run()
            #expect(gone.code == 125)
            #expect(gone.errorText.contains("cannot \(subject) \"\(work.at("tree"))\""), "\(gone.errorText)")
        }
        try work.directory("tree")
        for verb in ["apply", "diff"] {
            let other = try operation.command(["session", verb, session]).run()
            #expect(other.code == 125)
            #expect(
                other.errorText.contains(
                    "cannot take \"\(work.at("tree"))\" for the workspace of session \(session): "),
                "\(other.errorText)")
            #expect(other.errorText.contains("--to DIR"))
        }
        #expect(names(work.at("tree")) == [])
        let taken = try operation.command(["session", "apply", session, "--to", work.at("moved")]).run()
        #expect(taken.code == 0, "\(taken.errorText)")
        #expect(text(work.at("moved/new")) == "1\n")
        #expect(names(work.at("tree")) == [])
    }

    @Test("a workspace that was moved away and back is the same", .requires(.root))
    func movedBack() throws {
        let work = try Scratch()
        try work.directory("tree")
        let operation = try Sallyport()
        let run = try operation.run(profile: "strict", workspace: work.at("tree"), ["sh", "-c", "echo 1 > new"])
        #expect(rename(work.at("tree"), work.at("moved")) == 0)
        #expect(rename(work.at("moved"), work.at("tree")) == 0)
        let taken = try operation.command(["session", "apply", try #require(run.session)]).run()
        #expect(taken.code == 0, "\(taken.errorText)")
        #expect(text(work.at("tree/new")) == "1\n")
    }
}
