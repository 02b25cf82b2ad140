// SPDX-License-Identifier: Apache-2.0
package import Documents

/// What a profile's author expects of it, in its `tests:`; `profile test` holds the profile against them.
package struct Assertion: Sendable, Hashable {
    package enum Word: String, Sendable, Hashable, CaseIterable {
        case allow, deny
        /// Of paths alone: may be written.
        case write
    }

    package var word: Word
    package var subject: Subject

    package var text: String { "\(word.rawValue) \(subject.description)" }

    /// Reads `allow api.example.com:443`, `deny 169.254.169.254`, `write /workspace`.
    package init(_ text: String) throws(Subject.Flaw) {
        let parts = text.split(separator: " ")
        guard parts.count == 2, let word = Word(rawValue: String(parts[0])) else {
            throw Subject.Flaw(
                reason: "is no assertion",
                remedy: "Write \"allow\", \"deny\" or \"write\", a blank, and what it is about.")
        }
        let subject = try Subject(String(parts[1]))
        if word == .write {
            guard case .path = subject else {
                throw Subject.Flaw(reason: "writes to what is no path", remedy: "Write \"allow\".")
            }
        }
        self.word = word
        self.subject = subject
    }

    /// Whether a profile does what is asserted, and what it decides.
    package func check(_ profile: Profile) -> (holds: Bool, judgement: Judgement) {
        let judgement = profile.judge(subject)
        switch word {
        case .allow: return (judgement.isAllowed, judgement)
        case .deny: return (!judgement.isAllowed, judgement)
        case .write: return (judgement.verdict == FilesystemPolicy.Access.writable.text, judgement)
        }
    }
}

/// How one assertion of a profile came out.
package struct AssertionResult: Sendable, Hashable {
    package var assertion: Assertion
    package var holds: Bool
    package var judgement: Judgement
    package var origin: String

    package init(assertion: Assertion, holds: Bool, judgement: Judgement, origin: String) {
        self.assertion = assertion
        self.holds = holds
        self.judgement = judgement
        self.origin = origin
    }

    package var json: JSON {
        [
            "assertion": .string(assertion.text), "origin": .string(origin), "holds": .bool(holds),
            "judgement": judgement.json,
        ]
    }
}

extension Profile {
    /// Holds the profile against the assertions of its own file.
    package func runTests() -> [AssertionResult] {
        tests.enumerated().map { index, assertion in
            let (holds, judgement) = assertion.check(self)
            return AssertionResult(
                assertion: assertion, holds: holds, judgement: judgement,
                origin: origins["tests[\(index)]"]?.description ?? name)
        }
    }
}
