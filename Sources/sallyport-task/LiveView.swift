// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import Workspace

/// What the runner says while it works, line by line on the terminal of the person who waits; all of it claimed.
///
/// The gateway writes checked frames down as ASCII JSON; this reads that file and nothing of the sandbox's own.
final class LiveView {
    /// Becomes readable when something in the delivery directory was written.
    let descriptor: Int32
    private let file: String
    private let started = ContinuousClock.now
    private var offset = 0
    private var pending: [UInt8] = []
    private var turns = 0
    private var tool = ""
    private var microDollars = 0
    private var hasStatus = false

    private static let longestRead = 1 << 20

    /// Nil when there is no terminal to show it on; the task is the same without.
    init?(directory: String, file: String) {
        guard isatty(2) == 1 else { return nil }
        let watch = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
        guard watch >= 0 else { return nil }
        descriptor = watch
        self.file = directory + "/" + file
        guard inotify_add_watch(watch, directory, UInt32(IN_MODIFY) | UInt32(IN_CREATE)) >= 0 else {
            close(watch)
            return nil
        }
    }

    deinit {
        clear()
        close(descriptor)
    }

    /// Shows what has come since the last time.
    func update() {
        var events = [UInt8](repeating: 0, count: 4096)
        while read(descriptor, &events, events.count) > 0 {}
        let opened = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard opened >= 0 else { return }
        defer { close(opened) }
        var bytes = [UInt8](repeating: 0, count: Self.longestRead)
        let count = pread(opened, &bytes, bytes.count, offset)
        guard count > 0 else { return }
        offset += count
        for byte in bytes[..<count] {
            if byte != 0x0A {
                pending.append(byte)
                continue
            }
            show(pending)
            pending = []
        }
        status()
    }

    private func show(_ line: [UInt8]) {
        let frame: JSON
        do throws(JSONParser.Failure) { frame = try JSONParser.parse(line) } catch { return }
        func field(_ name: String) -> String {
            PrintableText.escaped((frame["fields"]?[name]?.stringValue ?? "").utf8, longest: 200)
        }
        switch frame["type"]?.stringValue {
        case "milestone": say(field("name") + (field("text").isEmpty ? "" : ": " + field("text")))
        case "test": say("\(field("phase")) \(field("check")): \(field("outcome"))")
        case "note": say(field("text"))
        case "turn": turns += 1
        case "tool": tool = "\(field("name")) \(field("outcome"))"
        case "cost": microDollars = Int(field("micro_dollars")) ?? microDollars
        default: break
        }
    }

    private func say(_ text: String) {
        clear()
        Progress.say("  claimed: \(text)")
    }

    private func status() {
        guard turns > 0 || !tool.isEmpty || microDollars > 0 else { return }
        let seconds = (ContinuousClock.now - started).components.seconds
        var parts = ["\(seconds) s", "\(turns) turns"]
        if !tool.isEmpty { parts.append(tool) }
        if microDollars > 0 { parts.append("\(microDollars / 10_000) cents") }
        // Back to the start of the line, and what was there removed. console_codes(4)
        Progress.write("\r\u{1B}[K  claimed: " + parts.joined(separator: ", "), to: 2)
        hasStatus = true
    }

    private func clear() {
        guard hasStatus else { return }
        Progress.write("\r\u{1B}[K", to: 2)
        hasStatus = false
    }
}
