// SPDX-License-Identifier: Apache-2.0
package import Documents

/// Something that is worth knowing in later tasks of a repository: one statement with where it is from, and never a blob.
package struct MemoryItem: Sendable, Hashable {
    package enum Kind: String, Sendable, CaseIterable {
        /// How things are: "the tests need a running broker".
        case fact
        /// What happened in a task.
        case episode
        /// How something is done: "regenerate the parser with make grammar".
        case procedure
        /// What a maintainer asked for in a review, to hold from then on once it is accepted.
        case reviewRule = "review_rule"
    }

    /// Who is behind the words, and so how far they are believed.
    package enum Trust: String, Sendable, CaseIterable {
        /// Whoever runs this host wrote it, or accepted it.
        case `operator`
        /// The host saw it.
        case observed
        /// Somebody with rights over the repository wrote it at the forge.
        case maintainer
        /// An agent said so.
        case claimed

        /// By how much it counts where two items fit a task equally well.
        package var weight: Double {
            switch self {
            case .operator: 1
            case .observed: 0.9
            case .maintainer: 0.8
            case .claimed: 0.5
            }
        }
    }

    package enum Status: String, Sendable, CaseIterable {
        /// Tasks may be told.
        case active
        /// Waits for somebody to accept it.
        case proposed
        /// Looked at by nobody but people: it reads as an order, or somebody put it here.
        case quarantined
    }

    /// Names it for people and in the evidence; what the content is, ``digest`` says.
    package let id: String
    /// `owner/name` of the blueprint: what a repository is remembered by outlives that blueprint.
    package let repository: String
    package let kind: Kind
    package let text: String
    package let trust: Trust
    package var status: Status
    /// Where it is from: `task:t01...`, `pull:12`, `operator:uid:0`. All of one source can be forgotten together.
    package let source: String
    /// SHA-256 of ``text``: what a task was told can be compared with what stands here now.
    package let digest: String
    package let createdMilliseconds: Int
    package let expiresMilliseconds: Int
    /// Why it is not active; who decided about it.
    package var note: String?

    package init(
        id: String, repository: String, kind: Kind, text: String, trust: Trust, status: Status, source: String,
        digest: String, createdMilliseconds: Int, expiresMilliseconds: Int, note: String? = nil
    ) {
        self.id = id
        self.repository = repository
        self.kind = kind
        self.text = text
        self.trust = trust
        self.status = status
        self.source = source
        self.digest = digest
        self.createdMilliseconds = createdMilliseconds
        self.expiresMilliseconds = expiresMilliseconds
        self.note = note
    }

    package var json: JSON {
        [
            "id": .string(id), "repository": .string(repository), "kind": .string(kind.rawValue),
            "text": .string(text), "trust": .string(trust.rawValue), "status": .string(status.rawValue),
            "source": .string(source), "sha256": .string(digest), "created_ms": .int(createdMilliseconds),
            "expires_ms": .int(expiresMilliseconds), "note": .optional(note),
        ]
    }

    /// Nil for what ``json`` did not write.
    package init?(json: JSON) {
        guard let id = json["id"]?.stringValue, let repository = json["repository"]?.stringValue,
            let kind = json["kind"]?.stringValue.flatMap(Kind.init(rawValue:)), let text = json["text"]?.stringValue,
            let trust = json["trust"]?.stringValue.flatMap(Trust.init(rawValue:)),
            let status = json["status"]?.stringValue.flatMap(Status.init(rawValue:)),
            let source = json["source"]?.stringValue, let digest = json["sha256"]?.stringValue,
            let created = json["created_ms"]?.intValue, let expires = json["expires_ms"]?.intValue
        else { return nil }
        self.init(
            id: id, repository: repository, kind: kind, text: text, trust: trust, status: status, source: source,
            digest: digest, createdMilliseconds: created, expiresMilliseconds: expires, note: json["note"]?.stringValue)
    }
}

/// What a repository's memory holds at most.
package enum MemoryLimits {
    /// Tokens that one task is told, at four characters each.
    package static let recallTokens = 2000
    package static let textBytes = 2000
    /// That one task leaves behind.
    package static let itemsPerTask = 10
    /// Of one repository; the oldest episodes go first.
    package static let itemsPerRepository = 2000
    package static let lifetime = Duration.seconds(365 * 86400)
    /// After this time an item counts half as much as a new one.
    package static let halfLife = Duration.seconds(90 * 86400)
    /// Longest look for what a task is to be told; then it is told nothing.
    package static let recallTime = Duration.seconds(5)
}
