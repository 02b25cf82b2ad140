// SPDX-License-Identifier: Apache-2.0
internal import Changes
internal import Documents

/// A change set's entries as JSON, paths as text with invalid bytes replaced.
enum ChangesDocument {
    static func entries(_ set: ChangeSet) throws -> JSON {
        var list: [JSON] = []
        try set.forEach { entry throws(ChangeError) in
            list.append(
                .object([
                    .init("change", .string(String(ChangeReport.letter(entry)))), .init("path", .text(entry.path)),
                    .init("mode", .string(String(entry.permissions, radix: 8))), .init("size", .number(entry.size)),
                ]))
        }
        return .array(list)
    }
}
