// SPDX-License-Identifier: Apache-2.0
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
    /// The repository that the session finds at git.internal.
    package var git: GitAccess?
    /// The models that it finds at llm.internal.
    package var model: ModelAccess?
    /// What it finds at forge.internal.
    package var forge: ForgeAccess?
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

    package init(profile: Profile, argv: [[UInt8]]) {
        self.profile = profile
        self.argv = argv
    }
}
