// SPDX-License-Identifier: Apache-2.0
import Glibc
import TestSupport
import Testing

/// What README.md says of a workspace that is not as outside: each limit is shown, so that it is noticed when it goes.
@Suite("the workspace as it is inside")
struct WorkspaceViewTests {
    /// One line a move: its name and how it ended.
    private static let moves = """
        import os, shutil
        def attempt(name, move):
            try:
                move()
                print(name, "ok")
            except OSError as error:
                print(name, os.strerror(error.errno))
        os.mkdir("made")
        attempt("lower", lambda: os.rename("lower", "renamed"))
        attempt("moved", lambda: shutil.move("lower", "moved"))
        attempt("made", lambda: os.rename("made", "remade"))
        attempt("file", lambda: os.rename("file", "refile"))
        """

    @Test(
        "a directory of the caller's cannot be renamed but copied; files and new directories can", .requires(.root),
        .requires(.python))
    func directoryRenames() throws {
        let work = try Scratch()
        try work.directory("lower")
        try work.file("lower/inner", "kept\n")
        try work.file("file", "x\n")
        let script = try work.file("moves.py", Self.moves)
        // The control: outside all four succeed.
        let outside = try Scratch()
        try outside.directory("lower")
        try outside.file("file")
        var control = Command("/usr/bin/python3", [script])
        control.directory = outside.path
        #expect(try control.run().lines == ["lower ok", "moved No such file or directory", "made ok", "file ok"])

        let run = try Sallyport().run(
            profile: "strict", workspace: work.path, options: ["--discard"],
            ["sh", "-c", "python3 moves.py; cat moved/inner"])
        #expect(run.code == 0, "\(run.errorText)")
        #expect(run.lines == ["lower Invalid cross-device link", "moved ok", "made ok", "file ok", "kept"])
        #expect(names(work.path) == ["file", "lower", "moves.py"])
    }

    @Test("files of another owner than the workspace's show as nobody's and cannot be written", .requires(.root))
    func otherOwners() throws {
        let work = try Scratch()
        try work.file("own", "1\n")
        try work.file("other", "2\n")
        #expect(chown(work.path, 4242, 4242) == 0 && chown(work.at("own"), 4242, 4242) == 0)
        #expect(chown(work.at("other"), 4343, 4343) == 0)
        let run = try Sallyport().run(
            profile: "strict", workspace: work.path, options: ["--discard"],
            ["sh", "-c", "stat -c %U:%G own other; cat other; echo more >> own && echo written; echo more >> other"])
        #expect(run.lines == ["agent:agent", "nobody:nogroup", "2", "written"], "\(run.errorText)")
        #expect(run.errorText.contains("cannot create other: Permission denied"), "\(run.errorText)")
        #expect(text(work.at("own")) == "1\n")
    }

    @Test("sockets, fifos and set bits stay behind, and the changes say so", .requires(.root), .requires(.python))
    func notCarried() throws {
        let work = try Scratch()
        let run = try Sallyport().run(
            profile: "strict", workspace: work.path, options: ["--diff"],
            [
                "sh", "-c",
                "mkfifo pipe; python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"sock\")'; "
                    + "echo x > set; chmod 4755 set",
            ])
        #expect(run.code == 0, "\(run.errorText)")
        for said in ["a fifo", "a socket", "A set"] { #expect(run.errorText.contains(said), "\(run.errorText)") }
        #expect(names(work.path) == [])
    }
}
