// SPDX-License-Identifier: Apache-2.0
package import Documents

/// How a session ended; each is told apart from the others by what the kernel and the supervisor saw.
package enum Outcome: String, Sendable, CaseIterable {
    case exited, signalled, oom
    case timedOut = "timed_out"
    case setupFailed = "setup_failed"
    case killed, policy
}

/// The record of an ended session, as `result.json` holds it.
package struct SessionResult: Sendable {
    package struct Stream: Sendable {
        package var bytes: UInt64 = 0
        package var truncated = false
        /// Written, and not taken by the caller's reader, which had gone or stopped reading.
        package var undelivered: UInt64 = 0
        package var json: JSON {
            .object([
                .init("bytes", .number(bytes)), .init("truncated", .bool(truncated)),
                .init("not_delivered", .number(undelivered)),
            ])
        }
    }

    package var session: String
    /// Of the task that it is for; nil for none.
    package var correlation: CorrelationID?
    /// The session whose kept changes its workspace began with.
    package var shows: String?
    package var outcome = Outcome.setupFailed
    package var exitCode: Int32?
    package var signal: Int32?
    /// The limit that ended the session.
    package var limit: String?
    /// Every limit that was reached, whether or not it ended the session.
    package var limitsHit: [String] = []
    package var profileName = ""
    package var profileDigest = ""
    package var planDigest = ""
    package var mode = ""
    package var enforcement = ""
    package var startedMilliseconds: UInt64 = 0
    package var durationMilliseconds: UInt64 = 0
    package var layers: Layers?
    package var denials: [(syscall: String, count: UInt64)] = []
    package var stdout = Stream()
    package var stderr = Stream()
    /// What the session's gateway moved; nil where there was no terminal, or no frame file.
    package var terminal: Terminal?
    package var frames: Frames?
    /// What left the session and what was denied; nil where its policy lets nothing out.
    package var egress: Egress?
    /// What was asked of the session's repository; nil where it has none.
    package var git: Git?
    /// What was asked of models, and what it cost; nil where it has none.
    package var model: Model?
    /// What was asked of a forge; nil where it has none.
    package var forge: Forge?
    /// What was asked of package indexes; nil where it has none.
    package var packages: Packages?
    package var keptEntries: Int?
    package var keptDigest: String?
    /// Of the kept entries, those that name what the set had no room for.
    package var leftOutEntries = 0
    package var error: String?
    /// The command ran, but what it changed could not be kept.
    package var changesLost = false
    /// `memory`, `pool` or `unmetered`, when there is a workspace to change.
    package var workspacePlace: String?
    package var memoryPeakBytes: UInt64 = 0

    package init(session: String) { self.session = session }

    /// What `sallyport run` exits with: the workload's own code, 128+n for signal n, else what set-up decided.
    package func exitStatus() -> Int32 {
        if changesLost { return 125 }
        return switch outcome {
        case .exited: exitCode ?? 125
        case .signalled, .oom, .timedOut, .killed, .policy: signal.map { 128 + $0 } ?? exitCode ?? 137
        case .setupFailed: exitCode ?? 125
        }
    }

    package var json: JSON {
        .object([
            .init("version", 1), .init("session", .string(session)),
            .init(CorrelationID.member, .optional(correlation?.description)), .init("shows", .optional(shows)),
            .init("outcome", .string(outcome.rawValue)),
            .init("exit_code", .optional(exitCode)), .init("signal", .optional(signal)),
            .init("limit", .optional(limit)),
            .init("limits_hit", .array(limitsHit.map { .string($0) })), .init("error", .optional(error)),
            .init("mode", .string(mode)), .init("enforcement", .string(enforcement)),
            .init("workspace_place", .optional(workspacePlace)), .init("changes_lost", .bool(changesLost)),
            .init("profile", .object([.init("name", .string(profileName)), .init("digest", .string(profileDigest))])),
            .init("plan_digest", .string(planDigest)), .init("started", .number(startedMilliseconds)),
            .init("duration_ms", .number(durationMilliseconds)), .init("memory_peak_bytes", .number(memoryPeakBytes)),
            .init("layers", layers?.json ?? .null),
            .init(
                "denials",
                .array(
                    denials.map {
                        .object([
                            .init("syscall", .string($0.syscall)), .init("errno", "EPERM"),
                            .init("count", .number($0.count)),
                        ])
                    })),
            .init("stdout", stdout.json), .init("stderr", stderr.json),
            .init("terminal", terminal?.json ?? .null), .init("frames", frames?.json ?? .null),
            .init("egress", egress?.json ?? .null), .init("git", git?.json ?? .null),
            .init("model", model?.json ?? .null),
            .init("forge", forge?.json ?? .null), .init("packages", packages?.json ?? .null),
            .init(
                "changes",
                .object([
                    .init("kept", .bool(keptDigest != nil)), .init("entries", .optional(keptEntries)),
                    .init("digest", .optional(keptDigest)), .init("partial", .bool(leftOutEntries > 0)),
                    .init("left_out", .int(leftOutEntries)),
                ])),
        ])
    }
}
