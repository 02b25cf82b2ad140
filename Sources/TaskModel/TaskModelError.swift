// SPDX-License-Identifier: Apache-2.0
package import Documents

/// Why a document of a task was refused: which, where, what is wrong, and what its author can do.
package struct TaskModelError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What the document is, such as "work item".
    package let document: String
    package let place: Place
    package let reason: String
    package let remedy: String

    package init(_ document: String, at place: Place, _ reason: String, remedy: String) {
        self.document = document
        self.place = place
        self.reason = reason.displayed
        self.remedy = remedy.displayed
    }

    init(_ document: String, _ cause: DocumentError) {
        self.init(document, at: cause.place, cause.reason, remedy: cause.remedy)
    }

    package var description: String { "cannot read \(document) \(place): \(reason). \(remedy)" }
}
