// SPDX-License-Identifier: Apache-2.0
import Glibc
import TestSupport
import Testing

/// What several programs, and several sessions, may do with the same files.
@Suite("files that are shared", .requires(.root), .requires(.python), .timeLimit(.minutes(10)))
struct WorkspaceSharingTests {
    /// Two processes and one file: the second tries while the first holds it, and again when it is free.
    private static let locking = """
        import errno, fcntl, os, sys
        def attempt(name, mode, kind):
            here, there = os.pipe(), os.pipe()
            child = os.fork()
            if child == 0:
                with open(name, mode) as file:
                    kind(file, fcntl.LOCK_EX)
                    os.write(here[1], b"x")
                    os.read(there[0], 1)
                os._exit(0)
            os.read(here[0], 1)
            with open(name, "r+b") as file:
                try:
                    kind(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    held = "taken twice"
                except OSError as error:
                    held = errno.errorcode[error.errno]
                os.write(there[1], b"x")
                os.waitpid(child, 0)
                kind(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                print(name, kind.__name__, held, "then free", flush=True)
        open("made", "w").close()
        # "lower" is the caller's: opened to be read first, and copied up when the other opens it to write.
        for name, mode in (("made", "r+b"), ("lower", "rb"), ("second", "r+b")):
            attempt(name, mode, fcntl.flock)
        for name in ("made", "third"):
            attempt(name, "r+b", fcntl.lockf)
        """

    @Test("a lock of one process holds against another, on new files and on those of the caller's tree")
    func locks() throws {
        let expected = [
            "made flock EAGAIN then free", "lower flock EAGAIN then free", "second flock EAGAIN then free",
            "made lockf EAGAIN then free", "third lockf EAGAIN then free",
        ]
        func tree() throws -> Scratch {
            let work = try Scratch()
            for name in ["lower", "second", "third"] { try work.file(name, "kept\n") }
            return work
        }
        let outside = try tree()
        var control = Command("/usr/bin/python3", ["-B", "-c", Self.locking])
        control.directory = outside.path
        #expect(try control.run().lines == expected)

        let work = try tree()
        let run = try Sallyport().run(
            profile: "strict", workspace: work.path, options: ["--discard"],
            ["/usr/bin/python3", "-B", "-c", Self.locking])
        #expect(run.lines == expected, "\(run.errorText)")
        #expect(names(work.path) == ["lower", "second", "third"])
    }

    @Test("a lock of one session is none of another's: each has a file of its own over the caller's")
    func apart() throws {
        let work = try Scratch()
        try work.file("lower", "kept\n")
        let hold = """
            import fcntl, sys
            with open("lower", "r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                print("held", flush=True)
                sys.stdin.read()
            """
        let sallyport = try Sallyport()
        let first = try sallyport.runCommand(
            profile: "strict", workspace: work.path, options: ["--discard"], record: sallyport.home.at("first"),
            ["/usr/bin/python3", "-B", "-c", hold]
        ).start()
        #expect(try first.line() == "held")
        let second = try sallyport.run(
            profile: "strict", workspace: work.path, options: ["--discard"], ["/usr/bin/python3", "-B", "-c", hold])
        #expect(second.lines == ["held"], "\(second.errorText)")
        first.closeInput()
        #expect(try first.finish().code == 0)
    }

    @Test("a cache of the host's serves several sessions at once and none of them can change it")
    func cache() throws {
        let cache = try Scratch()
        try cache.directory("objects")
        try cache.file("objects/one", "of the host\n")
        let script = """
            cat /run/cache/objects/one
            for move in 'echo x > /run/cache/objects/one' 'echo x > /run/cache/new' 'rm /run/cache/objects/one' \\
                'mv /run/cache/objects /run/cache/moved' 'chmod 777 /run/cache' 'ln /run/cache/objects/one /run/cache/two'; do
                sh -c "$move" 2>&1 | grep -c 'Read-only file system'
            done
            ln /run/cache/objects/one /workspace/two 2>&1 | grep -c 'Invalid cross-device link'
            echo ready; read go
            """
        let expected = ["of the host", "1", "1", "1", "1", "1", "1", "1", "ready"]
        // The door is open outside: whoever has the directory can change it.
        var control = Command("/bin/sh", ["-c", "echo x > new && rm new"])
        control.directory = cache.path
        #expect(try control.run().code == 0)

        let sallyport = try Sallyport()
        let sessions = try (1...2).map { number in
            try sallyport.runCommand(
                profile: "strict", options: ["--mount", "\(cache.path):/run/cache"],
                record: sallyport.home.at("record-\(number)"), ["/bin/sh", "-c", script]
            ).start()
        }
        for session in sessions {
            for line in expected { #expect(try session.line() == line) }
        }
        for session in sessions {
            try session.send(Array("go\n".utf8))
            #expect(try session.finish().code == 0)
        }
        #expect(names(cache.path) == ["objects"] && text(cache.at("objects/one")) == "of the host\n")
    }
}
