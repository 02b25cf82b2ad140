// SPDX-License-Identifier: Apache-2.0
package import Documents
internal import Glibc
internal import Isolation
package import LinuxSystem
package import Policy

/// What becomes of the changes in the workspace when the command has ended.
package enum Disposition: String, Sendable { case keep, apply, diff, discard }

/// One run as a caller asks for it; nothing here has been opened or checked against the host yet.
package struct RunRequest: Sendable {
    package struct Mount: Sendable {
        package var source: String
        package var target: String
        package init(source: String, target: String) {
            self.source = source
            self.target = target
        }
    }
    package struct Export: Sendable {
        package var file: String
        package var limit: UInt64
        package init(file: String, limit: UInt64) {
            self.file = file
            self.limit = limit
        }
    }

    package var profile: Profile
    /// What every record of the session bears; nil for one of no task.
    package var correlation: CorrelationID?
    /// The repository that the session finds at git.internal.
    package var git: GitAccess?
    /// The models that it finds at llm.internal.
    package var model: ModelAccess?
    /// What it finds at forge.internal.
    package var forge: ForgeAccess?
    /// The indexes behind packages.internal.
    package var packages: PackageAccess?
    package var workspace: String?
    package var readOnly = false
    package var disposition = Disposition.keep
    /// Keep what the workspace holds at the end whether or not it changed, and where no tree was shown.
    package var keepsAll = false
    /// The session whose kept changes the workspace shows at the start.
    package var shows: KeptChanges.Record?
    package var mounts: [Mount] = []
    package var export: Export?
    package var frames: String?
    package var resultFile: String?
    /// Where plan, profile and audit of the session are written too: each file's name begins with this.
    package var recordFiles: String?
    package var rawOutput = false
    package var environment: [(name: String, value: String)] = []
    package var argv: [[UInt8]]
    /// For a client of the listening supervisor: what it opened itself. Paths above are then only what the record says.
    package var handed: HandedFiles?
    /// That client.
    package var client: SessionState.Client?
    package var attendance: SessionAttendance?

    package init(profile: Profile, argv: [[UInt8]]) {
        self.profile = profile
        self.argv = argv
    }
}

/// How a session opens what its caller named.
extension RunRequest {
    /// A tree to show, by descriptor.
    func source(_ role: HandedFiles.Role, _ path: String) throws(SystemError) -> Descriptor {
        if let handed { return try handed.open(role) }
        return try Trees.openPath(path)
    }

    /// A file to write, made or emptied.
    func output(_ role: HandedFiles.Role, _ path: String) throws(SystemError) -> Descriptor {
        if let handed { return try handed.create(role) }
        return try Descriptor.create(path)
    }

    /// Makes or empties a file for frames; what follows it (a view of the running task) sees whole lines.
    package static func framesFile(_ path: String) throws(SystemError) -> Descriptor {
        let file = try Descriptor.open(
            path, O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK, mode: 0o600)
        guard try FileStatus.of(file, subject: "\"\(path)\"").isRegular else {
            throw SystemError("write frames to", "\"\(path)\"", .invalid, remedy: "Name a regular file.")
        }
        return file
    }
}
