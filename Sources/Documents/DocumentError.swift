// SPDX-License-Identifier: Apache-2.0

/// Why a document was refused, and where.
package struct DocumentError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Code: Sendable, Hashable {
        case syntax, encoding, tooLarge, tooDeep, duplicateKey, unsupported, empty, wrongType
    }

    package var code: Code
    package var place: Place
    package var reason: String
    package var remedy: String

    package init(_ code: Code, at place: Place, _ reason: String, remedy: String) {
        self.code = code
        self.place = place
        self.reason = reason.displayed
        self.remedy = remedy.displayed
    }

    package var description: String { "cannot read \(place): \(reason). \(remedy)" }
}
