// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing
import Wire

/// The frames that both implementations, this one and the runner's own, must write and read byte for byte.
///
/// `SALLYPORT_REWRITE_GOLDENS=1` writes them anew.
@Suite("golden frames")
struct FrameGoldenTests {
    struct Golden: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let frame: Frame

        init(_ name: String, _ kind: Frame.Kind, _ fields: KeyValuePairs<String, String>) {
            testDescription = name
            frame = Frame(kind: kind, fields: fields.map { .init(key: $0.key, value: $0.value) })
        }
    }

    static let goldens: [Golden] = [
        Golden("milestone-empty", .milestone, [:]),
        Golden("milestone-branch", .milestone, ["name": "branch_created", "branch": "sallyport/t-01/fix-the-sum"]),
        Golden("note-text", .note, ["text": "agent started"]),
        Golden("note-empty-value", .note, ["text": ""]),
        Golden("note-escaped", .note, ["text": "100% a=b\nline two\r\t\u{1B}[31mred\u{1B}[0m\u{7F}\u{0}"]),
        Golden("note-utf8", .note, ["text": "naïve 語 😀 \u{202E}"]),
        Golden("test-before-red", .testOutcome, ["phase": "before", "exit_code": "1", "duration_ms": "1234"]),
        Golden("test-after-signal", .testOutcome, ["phase": "after", "signal": "9", "duration_ms": "60000"]),
        Golden("turn-first", .turn, ["number": "1"]),
        Golden("tool-failed", .toolCall, ["name": "Bash", "outcome": "failed"]),
        Golden("cost-so-far", .cost, ["micro_dollars": "120000"]),
    ]

    private static func path(_ name: String) -> String {
        let tests = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
        return "/\(tests)/Goldens/frames/\(name).bin"
    }

    private static func read(_ path: String) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        try #require(descriptor >= 0, "\(path) is missing")
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 70_000)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        try #require(count >= 0)
        return Array(bytes[..<count])
    }

    private static func rewrite(_ path: String, _ bytes: [UInt8]) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        try #require(write(descriptor, bytes, bytes.count) == bytes.count)
    }

    @Test("are what is encoded and what is decoded", arguments: goldens)
    func golden(_ c: Golden) throws {
        let path = Self.path(c.testDescription)
        if getenv("SALLYPORT_REWRITE_GOLDENS") != nil { try Self.rewrite(path, try c.frame.encoded()) }
        let bytes = try Self.read(path)
        #expect(try c.frame.encoded() == bytes)
        let (frames, error) = decodeStream([bytes])
        #expect(frames == [c.frame])
        #expect(error == nil)
    }

    @Test("are all of the files in the directory")
    func complete() throws {
        let directory = try #require(
            opendir(Self.path("x").split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }))
        defer { closedir(directory) }
        var names: Set<String> = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasSuffix(".bin") { names.insert(String(name.dropLast(4))) }
        }
        #expect(names == Set(Self.goldens.map(\.testDescription)))
    }
}
