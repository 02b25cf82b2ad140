// SPDX-License-Identifier: Apache-2.0
import Glibc
import TestSupport
import Testing

/// What happens to the files of some directories, by anybody, in the order in which it happened. inotify(7)
final class OpenWatch {
    private let descriptor: Int32
    private var directories: [Int32: String] = [:]

    /// Watches the directories, and those below them, for files that are opened or read.
    convenience init(beneath roots: [String]) throws {
        self.init()
        for root in roots {
            let all = try Command("/usr/bin/find", [root, "-type", "d"]).run().lines
            try #require(all.contains(root))
            for directory in all { try add(directory, IN_OPEN | IN_ACCESS) }
        }
    }

    /// Watches nothing yet.
    init() { descriptor = inotify_init1(O_NONBLOCK | O_CLOEXEC) }

    deinit { close(descriptor) }

    func add(_ directory: String, _ mask: Int32) throws {
        let watch = inotify_add_watch(descriptor, directory, UInt32(bitPattern: mask))
        try #require(watch >= 0, "\(directory)")
        directories[watch] = directory
    }

    /// The paths of the files of all events since the last call.
    func events() -> [String] {
        var found: [String] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let got = read(descriptor, &buffer, buffer.count)
            guard got > 0 else { return found }
            var rest = buffer[..<got]
            // Number, mask, cookie and the length of the name, each of four bytes; then the name, filled up with zeros.
            while rest.count >= 16 {
                let words = rest.withUnsafeBytes { bytes in
                    [0, 12].map { bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self) }
                }
                let name = rest.dropFirst(16).prefix(Int(words[1])).prefix { $0 != 0 }
                let directory = directories[Int32(bitPattern: words[0])] ?? "?"
                found.append("\(directory)/\(String(decoding: name, as: UTF8.self))")
                rest = rest.dropFirst(16 + Int(words[1]))
            }
        }
    }
}
