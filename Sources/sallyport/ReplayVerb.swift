// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import CLinux
internal import Changes
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import Supervisor

/// What a sandbox that shows an earlier session's changes runs first, inside: it brings the set on descriptor 3 into the
/// workspace, gives up all descriptors but standard input and output, and becomes the caller's command.
enum ReplayVerb {
    static let name = SessionRun.replayVerb

    static func run(_ words: [String]) -> Int32 {
        do {
            // By hand it would write into whatever lies at /workspace of a host.
            guard sp_gateway_has_no_new_privs() == 1, sp_gateway_has_filter() == 1,
                words.count > 3, words[2] == "--"
            else { throw UsageError("\(name) is started by `sallyport session shell` only") }
            let set = try ChangeSet(owning: Descriptor(owning: 3), subject: "the changes of session \(words[0])")
            guard set.session == words[0], set.summary.digest == words[1] else {
                throw SystemError(
                    "trust", "the changes of session \(words[0])", .notPermitted,
                    remedy: "Their digest is not the recorded one.")
            }
            let missing = try Replay.run(set, in: try Directory.open("/workspace"))
            if missing > 0 {
                Output.error(
                    "\(missing) things that the session left are not here; see sallyport session diff --stat \(words[0])"
                )
            }
            return try become(words.count - 3)
        } catch {
            Output.error("\(error)")
            return 125
        }
    }

    /// Becomes the last words of the command line, found as pid 1 would have found them.
    private static func become(_ count: Int) throws -> Int32 {
        try checked("close", "our descriptors") { sp_close_from(3) }
        let words = (0..<Int(CommandLine.argc)).suffix(count).map { CommandLine.unsafeArgv[$0] }
        guard let first = words.first, let first else { return 125 }
        let name = UnsafeBufferPointer(start: first, count: strlen(first)).map { UInt8(bitPattern: $0) }
        var refused = Errno.noEntry
        for directory in name.contains(UInt8(ascii: "/")) ? [[]] : searched() {
            let path = (directory.isEmpty ? name : directory + [UInt8(ascii: "/")] + name).map { CChar(bitPattern: $0) }
            let errno = Errno(Int32(-sp_task_become(path + [0], words + [nil])))
            if errno != .noEntry, errno != .notDirectory, refused == .noEntry { refused = errno }
        }
        let shown = String(decoding: name, as: UTF8.self).displayed
        guard refused != .noEntry else {
            Output.error(
                "cannot run \"\(shown)\": not found inside the sandbox (ENOENT). Look for it in PATH of the profile's rootfs."
            )
            return 127
        }
        Output.error("cannot run \"\(shown)\": \(refused.explanation) (\(refused)).")
        return 126
    }

    /// Absolute entries only: a relative one would execute what lies in the workspace under a common name.
    private static func searched() -> [[UInt8]] {
        (environmentValue("PATH") ?? "").split(separator: ":").filter { $0.hasPrefix("/") }.map { Array($0.utf8) }
    }
}
