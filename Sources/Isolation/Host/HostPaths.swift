// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import LinuxSystem

/// How the supervisor runs: as root with ids of its own per session, or as an ordinary user with one id.
package enum Mode: String, Sendable {
    case host, rootless
    package static var current: Mode { geteuid() == 0 ? .host : .rootless }
}

/// The directories that Sallyport owns on this host.
///
/// `runtime` holds live sessions and is gone after a reboot; `state` holds what people keep.
package struct HostPaths: Sendable {
    package let runtime: String
    package let state: String

    package init(runtime: String, state: String) {
        self.runtime = runtime
        self.state = state
    }

    package var sessions: String { runtime + "/sessions" }
    package var changes: String { state + "/changes" }
    /// The key that signs evidence; see `KeyStore`, which makes it.
    package var keys: String { state + "/keys" }
    /// Where workspaces that are too large for memory lie: a directory, or the mount of the pool.
    package var pool: String { state + "/pool" }

    /// Those of whoever runs this program; see ``OwnDirectories``.
    package static func resolve(mode: Mode, environment: (String) -> String?) throws(SystemError) -> HostPaths {
        let own = try OwnDirectories.resolve(asRoot: mode == .host, environment: environment)
        return HostPaths(runtime: own.runtime, state: own.state)
    }

    /// Makes the directories where they are missing and refuses ones that somebody else could write (CVE-2026-46406).
    package func prepare() throws(SystemError) {
        for (path, mode) in [(runtime, 0o711 as UInt32), (state, 0o700)] { try Self.own(path, mode) }
        if Mode.current == .host { try Self.requirePassage(runtime) }
        for name in ["sessions", "mnt", "mnt/lower", "mnt/upper", "mnt/root"] { try make(runtime + "/" + name, 0o711) }
        try make(changes, 0o700)
    }

    /// A session's set-up runs with ids of its own, which must pass to the mount points in the runtime directory. Said
    /// here, because the step that would fail (root.attach) cannot tell which directory of the path is closed.
    private static func requirePassage(_ path: String) throws(SystemError) {
        var partial = ""
        for part in path.split(separator: "/") {
            partial += "/" + String(part)
            let status = try FileStatus.at(AT_FDCWD, Array(partial.utf8CString), flags: 0, subject: "\"\(partial)\"")
            guard status.permissions & 0o001 == 0 else { continue }
            throw SystemError(
                "use", "runtime directory \"\(path)\"", .accessDenied,
                remedy: "Sessions run with ids of their own and have to pass through \"\(partial)\", whose mode is "
                    + "\(String(status.permissions, radix: 8)). Run chmod o+x on it, or set SALLYPORT_RUNTIME_DIR to "
                    + "another place.")
        }
    }

    private func make(_ path: String, _ mode: UInt32) throws(SystemError) {
        let result = sp_mkdirat(AT_FDCWD, path, mode)
        if result < 0 && result != -Int(EEXIST) {
            throw SystemError("create", "directory \"\(path)\"", Errno(Int32(-result)))
        }
    }

    private static func own(_ path: String, _ mode: UInt32) throws(SystemError) {
        var partial = ""
        for part in path.split(separator: "/") {
            partial += "/" + String(part)
            let result = sp_mkdirat(AT_FDCWD, partial, partial == path ? mode : 0o755)
            if result < 0 && result != -Int(EEXIST) {
                throw SystemError("create", "directory \"\(partial)\"", Errno(Int32(-result)))
            }
        }
        let status = try FileStatus.at(AT_FDCWD, Array(path.utf8CString), subject: "\"\(path)\"")
        guard status.isDirectory, status.uid == geteuid(), status.permissions & 0o022 == 0 else {
            throw SystemError(
                "trust", "directory \"\(path)\"", .notPermitted,
                remedy: "It must be a directory owned by the caller and writable by nobody else.")
        }
    }
}
