// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Workspace

/// What a confined step tells the process that started it: lines of a closed set of keys, printable ASCII, bounded.
///
///     step (reads hostile bytes)                     sallyport-task (reads only this)
///        │  "key value\n" ... "end\n"                        │
///        └────────────── pipe, at most 1 MiB ──────────────▶│
///
/// A step that was taken over can lie in it, and can do no more than lie: the receiver checks form and length, uses
/// commit names only as names, and lets a verification run decide.
struct StepReport {
    private var lines: [(key: String, value: String)] = []

    static let longest = 1 << 20
    private static let keys: Set<String> = [
        "base", "name", "detached", "tip", "tree", "commits", "files", "insertions", "deletions", "file", "patch",
        "error", "refused", "mismatch", "pack", "merge_base", "pointers", "segment", "omitted", "findings", "moved",
        "subject", "thread", "behind", "conflicts", "conflict", "layout", "head", "reference", "left", "left_count",
        "ignored", "note", "finding",
        "commit", "changed", "previous", "cut",
        "verdict", "use", "oversize", "malformed", "language", "setup", "build", "lint", "test", "registry", "rule",
    ]

    init() {}

    /// Reads what a step wrote.
    init(_ bytes: [UInt8]) throws(TaskFailure) {
        guard bytes.count <= Self.longest else { throw Self.malformed(bytes) }
        var ended = false
        for line in bytes.split(separator: 0x0A) {
            guard !ended, PrintableText.isPrintable(line) else { throw Self.malformed(bytes) }
            if line.elementsEqual("end".utf8) {
                ended = true
                continue
            }
            let parts = String(decoding: line, as: UTF8.self).split(separator: " ", maxSplits: 1)
            guard parts.count == 2, Self.keys.contains(String(parts[0])) else { throw Self.malformed(bytes) }
            lines.append((String(parts[0]), String(parts[1])))
        }
        guard ended else { throw Self.malformed(bytes) }
    }

    mutating func add(_ key: String, _ value: String) {
        lines.append((key, PrintableText.escapedOnce(value)))
    }

    /// Writes it to standard output, as the step's last act.
    func send() -> Bool {
        var bytes: [UInt8] = []
        for line in lines { bytes += Array("\(line.key) \(line.value)\n".utf8) }
        bytes += Array("end\n".utf8)
        var done = 0
        while done < bytes.count {
            let start = done
            let result = bytes.withUnsafeBytes { sp_write(1, $0.baseAddress! + start, bytes.count - start) }
            guard result > 0 else { return false }
            done += result
        }
        return true
    }

    subscript(key: String) -> String? { lines.first { $0.key == key }?.value }
    /// Lines of some keys, in their order.
    func all(of keys: Set<String>) -> [(key: String, value: String)] { lines.filter { keys.contains($0.key) } }
    func all(_ key: String) -> [String] { lines.filter { $0.key == key }.map(\.value) }

    func commit(_ key: String) throws(TaskFailure) -> ObjectID {
        guard let text = self[key], let id = ObjectID(text) else { throw Self.missing(key) }
        return id
    }

    func number(_ key: String) throws(TaskFailure) -> Int {
        guard let text = self[key], let value = Int(text), value >= 0 else { throw Self.missing(key) }
        return value
    }

    private static func missing(_ key: String) -> TaskFailure {
        TaskFailure("read", "the report of a task step", "it has no valid \"\(key)\"", remedy: "Report this.")
    }

    private static func malformed(_ bytes: [UInt8]) -> TaskFailure {
        let start = PrintableText.escaped(bytes, longest: 1000)
        return TaskFailure("read", "the report of a task step", "it is malformed: \"\(start)\"", remedy: "Report this.")
    }
}
