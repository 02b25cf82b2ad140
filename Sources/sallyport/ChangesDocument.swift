// SPDX-License-Identifier: Apache-2.0
internal import Changes
internal import Documents

/// A change set's entries as JSON, paths as text with invalid bytes replaced.
enum ChangesDocument {
    static func entries(_ set: ChangeSet) throws -> JSON {
        var list: [JSON] = []
        for entry in try set.entries() {
            list.append(
                .object([
                    .init("change", .string(String(ChangeReport.letter(entry)))), .init("path", .text(entry.path)),
                    .init("mode", .string(String(entry.permissions, radix: 8))), .init("size", .number(entry.size)),
                ]))
        }
        return .array(list)
    }
}
