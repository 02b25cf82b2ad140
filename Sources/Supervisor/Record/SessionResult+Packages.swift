// SPDX-License-Identifier: Apache-2.0
package import Documents
internal import LinuxSystem
internal import Policy
internal import Wire

extension SessionResult {
    /// What was asked of a session's indexes, as its broker counted it.
    package struct Packages: Sendable {
        package var indexes: [String]
        package var pages: UInt64 = 0
        package var files: UInt64 = 0
        package var refused: UInt64 = 0
        package var failed: UInt64 = 0
        /// Files that pages listed and the session was not shown.
        package var hidden: UInt64 = 0
        package var bytesDown: UInt64 = 0
        package var linesLost: UInt64 = 0
        /// The broker ended before its session.
        package var lost: String?

        init(_ access: PackageAccess) { indexes = access.service.indexes.map { $0.name } }

        mutating func add(_ door: PackageDoor) {
            pages = door.totals.pages
            files = door.totals.files
            refused = door.totals.refused
            failed = door.totals.failed
            hidden = door.totals.hidden
            bytesDown = door.totals.bytesDown
            linesLost = door.totals.linesLost
            lost = door.failure?.description
        }

        package var json: JSON {
            .object([
                .init("indexes", .array(indexes.map { .string($0) })), .init("pages", .number(pages)),
                .init("files", .number(files)), .init("refused", .number(refused)), .init("failed", .number(failed)),
                .init("hidden", .number(hidden)), .init("bytes_down", .number(bytesDown)),
                .init("lines_lost", .number(linesLost)), .init("lost", .optional(lost)),
            ])
        }
    }
}
