// SPDX-License-Identifier: Apache-2.0

/// The blueprint that a task lives by, as it stood when the task was taken: canonical text, and its digest.
package struct StoredBlueprint: Sendable, Hashable {
    package let text: String
    /// SHA-256 of ``text``, in hexadecimal.
    package let digest: String

    package init(text: String, digest: String) {
        self.text = text
        self.digest = digest
    }
}
