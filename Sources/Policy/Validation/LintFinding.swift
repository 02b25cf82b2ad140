// SPDX-License-Identifier: Apache-2.0
package import Documents

/// Something a profile's author should know. With an error no session starts; a warning is shown.
package struct LintFinding: Sendable, Hashable, CustomStringConvertible {
    package enum Severity: String, Sendable, Hashable { case error, warning }

    package var severity: Severity
    package var place: Place
    package var message: String
    package var remedy: String

    package var description: String { "\(severity.rawValue): \(place): \(message.displayed). \(remedy)" }

    package var json: JSON {
        [
            "severity": .string(severity.rawValue), "file": .string(place.file), "line": .int(place.line),
            "message": .string(message), "remedy": .string(remedy),
        ]
    }
}
