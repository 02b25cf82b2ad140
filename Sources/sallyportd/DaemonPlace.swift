// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// The directories of the daemon, held under a lock: one daemon has them, and no other.
final class DaemonPlace {
    let runtime: String
    let state: String
    private let lock: Descriptor

    var directory: String { state + "/daemon" }
    var store: String { directory + "/store.sqlite" }
    var sessions: String { directory + "/sessions" }

    /// - Throws: EAGAIN while another daemon has them.
    init() throws(SystemError) {
        let own = try OwnDirectories.resolve(asRoot: geteuid() == 0) { name in
            getenv(name).map { String(cString: $0) }
        }
        // As `sallyport run` makes them: whoever comes first.
        try Self.make(own.runtime, 0o711)
        try Self.make(own.state, 0o700)
        let directory = own.state + "/daemon"
        try Self.make(directory, 0o700)
        let opened = try Descriptor.open(directory + "/lock", O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
        let number = opened.number
        let taken = sp_lock(number)
        guard taken >= 0 else {
            throw SystemError(
                "take over", "\"\(directory)\"", Errno(Int32(-taken)),
                remedy: "Another sallyportd has it; stop that one, or set SALLYPORT_STATE_DIR.")
        }
        (runtime, state) = (own.runtime, own.state)
        lock = opened
    }

    /// Makes a directory and what is missing above it; one that is there must be ours, and nobody else may write it.
    private static func make(_ path: String, _ mode: UInt32) throws(SystemError) {
        var partial = ""
        for part in path.split(separator: "/") {
            partial += "/" + part
            let result = sp_mkdirat(AT_FDCWD, partial, partial == path ? mode : 0o755)
            if result < 0 && result != -Int(EEXIST) {
                throw SystemError("create", "directory \"\(partial)\"", Errno(Int32(-result)))
            }
        }
        let made = try Directory.open(path)
        let status = try FileStatus.of(made.fd, subject: "\"\(path)\"")
        guard status.uid == geteuid(), status.permissions & 0o022 == 0 else {
            throw SystemError(
                "use", "directory \"\(path)\"", .notPermitted,
                remedy: "It must belong to the daemon's user, and nobody else may write it.")
        }
    }
}
