// SPDX-License-Identifier: Apache-2.0
package import Documents
internal import LinuxSystem
internal import Wire

extension SessionResult {
    /// What was asked of a session's forge, as its broker counted it.
    package struct Forge: Sendable {
        package var read: UInt64 = 0
        /// Changes that were taken down.
        package var proposed: UInt64 = 0
        package var refused: UInt64 = 0
        package var linesLost: UInt64 = 0
        /// The broker ended before its session.
        package var lost: String?

        mutating func add(_ door: ForgeDoor) {
            read = door.totals.read
            proposed = door.totals.proposed
            refused = door.totals.refused
            linesLost = door.totals.linesLost
            lost = door.failure?.description
        }

        package var json: JSON {
            .object([
                .init("read", .number(read)), .init("proposed", .number(proposed)), .init("refused", .number(refused)),
                .init("lines_lost", .number(linesLost)), .init("lost", .optional(lost)),
            ])
        }
    }
}
