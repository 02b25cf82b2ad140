// SPDX-License-Identifier: Apache-2.0
internal import CRunner

/// Keeps what a test run leaves behind out of the commit, by `.git/info/exclude`.
struct Exclusions {
    let git: Git

    private var file: String { git.directory + "/.git/info/exclude" }

    /// Caches that tests write beside the sources, in projects that do not ignore them.
    func addKnownCaches() throws(Failure) {
        try append(Array("__pycache__/\n*.pyc\n.pytest_cache/\n".utf8))
    }

    /// Everything that is untracked now: the baseline test made it, so it is no work of the agent.
    func addUntracked() throws(Failure) {
        let listing = try git.output(["ls-files", "--others", "--exclude-standard", "--directory", "-z"])
        guard let listing else { throw Failure("git ls-files failed after the baseline test") }
        var patterns: [UInt8] = []
        for name in listing.split(separator: 0) { patterns += [0x2F] + Self.pattern(name) + [0x0A] }
        if !patterns.isEmpty { try append(patterns) }
    }

    /// A name as a pattern that matches it; a line feed has no written form there, `?` takes its place. gitignore(5)
    private static func pattern(_ name: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        for byte in name {
            switch byte {
            case 0x0A, 0x0D: result.append(0x3F)
            case 0x20, 0x2A, 0x3F, 0x5B, 0x5C: result += [0x5C, byte]
            default: result.append(byte)
            }
        }
        return result
    }

    private func append(_ bytes: [UInt8]) throws(Failure) {
        let result = bytes.withUnsafeBufferPointer { buffer in
            buffer.withMemoryRebound(to: CChar.self) { sp_append_file(file, $0.baseAddress!, $0.count) }
        }
        guard result == 0 else { throw Failure("cannot write \(file): \(errorText(result))") }
    }
}
