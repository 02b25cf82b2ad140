// SPDX-License-Identifier: Apache-2.0
package import Documents
internal import LinuxSystem
internal import Wire

extension SessionResult {
    /// What was asked of a session's repository, as its broker counted it.
    package struct Git: Sendable {
        package var repository: String
        /// Which references could be pushed; nil for none.
        package var push: String?
        package var fetches: UInt64 = 0
        package var pushes: UInt64 = 0
        package var refusedPushes: UInt64 = 0
        package var refusedRequests: UInt64 = 0
        /// Connections whose process ended before its time.
        package var failures: UInt64 = 0
        package var linesLost: UInt64 = 0
        /// The broker ended before its session.
        package var lost: String?

        init(_ access: GitAccess) {
            repository = access.repository.description
            push = access.push == .nothing ? nil : access.push.text
        }

        mutating func add(_ door: GitDoor) {
            fetches = door.totals.fetches
            pushes = door.totals.pushes
            refusedPushes = door.totals.refusedPushes
            refusedRequests = door.totals.refusedRequests
            failures = door.totals.failures
            linesLost = door.totals.linesLost
            lost = door.failure?.description
        }

        package var json: JSON {
            .object([
                .init("repository", .string(repository)), .init("push", .optional(push)),
                .init("fetches", .number(fetches)), .init("pushes", .number(pushes)),
                .init("refused_pushes", .number(refusedPushes)), .init("refused_requests", .number(refusedRequests)),
                .init("failures", .number(failures)), .init("lines_lost", .number(linesLost)),
                .init("lost", .optional(lost)),
            ])
        }
    }
}
