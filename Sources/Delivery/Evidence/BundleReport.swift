// SPDX-License-Identifier: Apache-2.0
package import Documents

/// What a look at a bundle came to.
package struct BundleReport: Sendable {
    /// Something that is not as the signed statement has it.
    package struct Finding: Equatable, Sendable {
        /// The file, relative to the bundle; a name that is not plain is written with escapes.
        package let file: String
        /// The record of the audit, counted from 0.
        package let record: Int?
        /// The rest of a sentence that begins with the file.
        package let problem: String

        package var description: String {
            file + (record.map { ": record \($0)" } ?? "") + " " + problem
        }

        package var json: JSON {
            ["file": .string(file), "record": .optional(record), "problem": .string(problem)]
        }
    }

    /// Of the key that was looked for.
    package let key: String
    package internal(set) var findings: [Finding] = []
    /// There were more than are listed.
    package internal(set) var isCut = false
    /// What was read once it was proven; nil before.
    package internal(set) var statement: Statement?
    package internal(set) var manifest: Manifest?
    package internal(set) var evidence: JSON?

    package var isValid: Bool { findings.isEmpty && evidence != nil }

    package static let mostFindings = 100

    init(key: String) { self.key = key }

    package mutating func add(_ file: String, record: Int? = nil, _ problem: String) {
        guard findings.count < Self.mostFindings else {
            isCut = true
            return
        }
        findings.append(Finding(file: file.displayed, record: record, problem: problem))
    }

    package var json: JSON {
        [
            "valid": .bool(isValid), "key": .string(key), "manifest": .optional(statement?.manifest),
            "task": .optional(manifest?.task), "files": .optional(manifest?.files.count),
            "audit_records": .optional(manifest?.audit.records), "commit": .optional(statement?.delivered?.commit),
            "findings": .array(findings.map(\.json)), "cut": .bool(isCut),
        ]
    }
}
