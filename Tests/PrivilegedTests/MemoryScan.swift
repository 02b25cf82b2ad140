// SPDX-License-Identifier: Apache-2.0
import Glibc
import TestSupport
import Testing

/// A look into the memory of a program and of everything that it started, for words that must not be there.
///
/// Each look has its control: a process that was told the first word, in which it is found.
struct MemoryScan {
    /// The processes that were read, by their names.
    let read: [String]
    /// Those that have one of the words.
    let found: [String]
    let story: String

    init(of pid: Int32, for words: [String]) throws {
        let holder = try Command(
            "/usr/bin/python3",
            ["-c", "import sys; s = sys.stdin.readline(); print('held', flush=True); sys.stdin.read()"]
        ).start()
        try holder.send(Array((words[0] + "\n").utf8))
        #expect(try holder.line() == "held")
        var scan = Command("/usr/bin/python3", ["-c", Self.scanner, "\(pid)", "\(holder.pid)"])
        scan.input = Array((words.joined(separator: "\n") + "\n").utf8)
        scan.deadline = .seconds(60)
        let seen = try scan.run()
        #expect(seen.code == 0, "\(seen.errorText)")
        story = seen.text + seen.errorText
        func names(_ what: String) -> [(name: String, pid: String)] {
            seen.lines.filter { $0.hasPrefix(what + " ") }.map { line in
                let parts = line.split(separator: " ").map(String.init)
                return (parts[1], parts[2])
            }
        }
        read = names("read").map(\.name)
        let all = names("found")
        #expect(all.contains { $0.pid == "\(holder.pid)" }, "the control: \(story)")
        found = all.filter { $0.pid != "\(holder.pid)" }.map(\.name)
        holder.closeInput()
        _ = try holder.finish()
    }

    /// Every process that a process has started, and those that they have.
    static func below(_ pid: Int32) -> [Int32] {
        let tasks = names("/proc/\(pid)/task")
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
            print("read", name, pid, size)
            if found: print("found", name, pid)
        """
}
