// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A file of the host that decides what a sandbox may do, or that is executed outside of one.
///
/// Nobody but root, and the caller where that is said, can have changed it: its owner and mode are those of the open file.
package enum TrustedFile {
    package enum Owner: Sendable { case root, rootOrCaller }

    /// Opens one for reading.
    ///
    /// - Parameters:
    ///   - what: What the path is, with a blank behind it, for an error: `profile `.
    ///   - followsLinks: False where a symlink could be somebody else's, who then chooses which file counts (P10).
    package static func open(
        _ path: String, what: String = "", owner: Owner = .rootOrCaller, followsLinks: Bool = false
    ) throws(SystemError) -> Descriptor {
        func distrust(_ errno: Errno, _ remedy: String) -> SystemError {
            SystemError("trust", "\(what)\"\(path)\"", errno, remedy: remedy)
        }
        // Neither a FIFO nor a terminal may make anybody wait, or become this process' own. open(2)
        let flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | (followsLinks ? 0 : O_NOFOLLOW)
        let file: Descriptor
        do throws(SystemError) { file = try Descriptor.open(path, flags) } catch {
            guard error.errno == .symlinkLoop else { throw error }
            throw distrust(.symlinkLoop, "It is a symlink; give the file itself.")
        }
        let status = try FileStatus.of(file, subject: "\"\(path)\"")
        guard status.isRegular else { throw distrust(.invalid, "It must be a regular file.") }
        guard status.uid == 0 || owner == .rootOrCaller && status.uid == geteuid() else {
            let owners = owner == .root ? "root" : "root or to you"
            throw distrust(.notPermitted, "It belongs to uid \(status.uid); it must belong to \(owners).")
        }
        guard status.permissions & 0o022 == 0 else {
            throw distrust(.notPermitted, "Others can write it; run chmod go-w on it.")
        }
        return file
    }
}
