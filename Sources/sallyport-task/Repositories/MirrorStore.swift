// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Workspace

/// The host's copy of one upstream, and what lies beside it in the state directory.
///
///     mirrors/<key>/lock             held while it is filled
///     mirrors/<key>/mirror.json      which upstream it is, and when it was last filled
///     mirrors/<key>/uses.jsonl       each use of a credential
///     mirrors/<key>/copy/mirror.git  the copy; `copy` and all below belongs to an id made of the upstream's key
struct MirrorStore: ~Copyable {
    let upstream: Upstream
    /// Nil where the caller has one id only.
    let identity: Confinement.Identity?
    let directory: Directory
    /// Held by this process, and by each that it starts to write the copy: when it is killed, the next one still waits
    /// until nobody is left who could write.
    let lock: Descriptor

    var copy: String { directory.path + "/copy" }
    static let repositoryName = "mirror.git"
    var repository: String { "\(copy)/\(Self.repositoryName)" }

    /// Opens the place, made where it is missing, and waits until nobody else fills it.
    ///
    /// Before signals are watched, so that whoever waits can be stopped.
    ///
    /// - Parameter seconds: The longest wait.
    static func open(_ upstream: Upstream, state: String, within seconds: Int = HostGit.longest) throws(TaskFailure)
        -> MirrorStore
    {
        let key = upstream.key
        // A server that takes over one transfer must not meet the next upstream's: an id each, of 23 bits of the key, so that
        // two upstreams have the same by chance only.
        let identities = OwnIdentities.mirrors
        let number = identities.lowerBound + (UInt32(key.prefix(8), radix: 16) ?? 0) % UInt32(identities.count)
        let identity = geteuid() == 0 ? Confinement.Identity(user: number, group: number) : nil
        return try host { () throws(SystemError) in
            let directory = try place(of: upstream, state)
            let path = directory.path
            let lock = try directory.open("lock", O_RDONLY | O_CREAT | O_NOFOLLOW, mode: 0o600)
            // Not `checked`, which would wait again after the alarm. flock(2), EINTR
            let result = sp_lock_within(lock.number, UInt32(clamping: seconds))
            if result < 0 {
                throw SystemError(
                    "lock", "\"\(path)\": another one fills it", Errno(Int32(-result)),
                    remedy: "Try again when that is done, or with a longer --timeout.")
            }
            try directory.make("copy", mode: 0o755, existing: true)
            if let identity {
                let made = try directory.directory("copy")
                try checked("give", "\"\(path)/copy\" away") {
                    sp_fchown(made.fd.number, identity.user, identity.group)
                }
            }
            return MirrorStore(upstream: upstream, identity: identity, directory: directory, lock: lock)
        }
    }

    /// The directory of an upstream, made where it is missing.
    private static func place(of upstream: Upstream, _ state: String) throws(SystemError) -> Directory {
        var path = ""
        for part in state.split(separator: "/").map({ String($0) }) + ["mirrors", upstream.key] {
            path += "/" + part
            // What lies above is the system's or the user's.
            let result = sp_mkdirat(AT_FDCWD, path, path.hasPrefix(state) ? 0o700 : 0o755)
            if result < 0 && result != -Int(EEXIST) {
                throw SystemError("create", "directory \"\(path)\"", Errno(Int32(-result)))
            }
        }
        let directory = try Directory.open(path)
        let status = try FileStatus.of(directory.fd, subject: "\"\(path)\"")
        guard status.uid == geteuid(), status.permissions & 0o022 == 0 else {
            throw SystemError(
                "trust", "directory \"\(path)\"", .notPermitted,
                remedy: "It must belong to the caller and be writable by nobody else.")
        }
        return directory
    }

    private init(
        upstream: Upstream, identity: Confinement.Identity?, directory: consuming Directory, lock: consuming Descriptor
    ) {
        self.upstream = upstream
        self.identity = identity
        self.directory = directory
        self.lock = lock
    }

    var owner: String { identity?.text ?? "-" }

    private static let mostUsesBytes: UInt64 = 16 << 20

    /// Writes uses of a credential down.
    borrowing func note(_ lines: [UInt8]) throws(TaskFailure) { try Self.note(lines, in: directory) }

    /// The same for a transfer that does not touch the copy, so that it waits for nobody who fills it.
    static func note(_ lines: [UInt8], of upstream: Upstream, state: String) throws(TaskFailure) {
        try note(lines, in: try host { () throws(SystemError) in try place(of: upstream, state) })
    }

    private static func note(_ lines: [UInt8], in directory: borrowing Directory) throws(TaskFailure) {
        guard !lines.isEmpty else { return }
        try host { () throws(SystemError) in
            let file = try directory.open("uses.jsonl", O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, mode: 0o600)
            let size = try FileStatus.of(file, subject: "the ledger").size
            guard size < mostUsesBytes else {
                throw SystemError(
                    "note a use of a credential in", "\"\(directory.path)/uses.jsonl\"", Errno(EFBIG),
                    remedy: "Put the file away, and go on with a new one.")
            }
            // In one write, which lands whole beside those of others. open(2), O_APPEND
            try file.writeAll(lines, subject: "the ledger")
        }
    }
}
