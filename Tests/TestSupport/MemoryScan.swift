// SPDX-License-Identifier: Apache-2.0
/// A look through the memory of a process and of all below it, from outside, for words that must not be there.
///
/// One more process is looked through that does have the first word: a scan that does not find it there proves nothing.
package struct MemoryScan {
    /// What the process that has the word is called among ``holders``.
    package static let control = "the control"
    /// The processes that were read, by their kernel names.
    package let names: [String]
    /// Those in which a word was found.
    package let holders: [String]

    package init(of pid: Int32, for words: [String]) throws(HarnessError) {
        let holder = try Command(
            "/usr/bin/python3",
            ["-c", "import sys; s = sys.stdin.readline(); print('held', flush=True); sys.stdin.read()"]
        ).start()
        try holder.send(Array(((words.first ?? "") + "\n").utf8))
        guard try holder.line() == "held" else { throw HarnessError("the control did not start") }
        var scan = Command("/usr/bin/python3", ["-c", Self.scanner, "\(pid)", "\(holder.pid)"])
        scan.input = Array((words.joined(separator: "\n") + "\n").utf8)
        scan.deadline = .seconds(60)
        let seen = try scan.run()
        guard seen.code == 0 else { throw HarnessError("the scan failed: \(seen.errorText)") }
        func processes(_ mark: String) -> [(name: String, pid: String)] {
            seen.lines.filter { $0.hasPrefix(mark + " ") }.map { line in
                let parts = line.split(separator: " ")
                return (parts.dropFirst(2).joined(separator: " "), String(parts[1]))
            }
        }
        names = processes("read").map(\.name)
        holders = processes("found").map { $0.pid == "\(holder.pid)" ? Self.control : "\($0.name) \($0.pid)" }
        holder.closeInput()
        _ = try holder.finish()
    }

    /// Every process that a process has started, and those that they have.
    package static func below(_ pid: Int32) -> [Int32] {
        let tasks = TestSupport.names("/proc/\(pid)/task")
        let children = tasks.flatMap {
            (text("/proc/\(pid)/task/\($0)/children") ?? "").split(separator: " ").compactMap { Int32($0) }
        }
        return children + children.flatMap { below($0) }
    }

    /// Says of each process which one it is, and whether one of the words on standard input is in its memory.
    private static let scanner = """
        import glob, sys
        words = [line.strip().encode() for line in sys.stdin if line.strip()]
        def below(pid):
            yield pid
            for path in glob.glob(f"/proc/{pid}/task/*/children"):
                for child in open(path).read().split(): yield from below(child)
        for pid in [p for start in sys.argv[1:] for p in below(start)]:
            name = open(f"/proc/{pid}/comm").read().strip()
            memory, size, found = open(f"/proc/{pid}/mem", "rb", buffering=0), 0, False
            for line in open(f"/proc/{pid}/maps"):
                fields = line.split()
                if "r" not in fields[1] or fields[-1] in ("[vvar]", "[vvar_vclock]", "[vsyscall]"): continue
                start, end = (int(text, 16) for text in fields[0].split("-"))
                tail = b""
                while start < end:
                    try:
                        memory.seek(start)
                        piece = memory.read(min(1 << 20, end - start))
                    except OSError: break
                    if not piece: break
                    if any(word in tail + piece for word in words): found = True
                    tail = piece[-128:]
                    start += len(piece)
                    size += len(piece)
            assert size > 4096, name
            print("read", pid, name)
            if found: print("found", pid, name)
        """
}
