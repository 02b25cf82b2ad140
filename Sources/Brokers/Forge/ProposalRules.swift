// SPDX-License-Identifier: Apache-2.0
package import Documents

/// Which changes a session may propose, and of what.
package struct ProposalRules: Equatable, Sendable {
    struct Reviewed: Equatable, Sendable {
        let number: Int
        let commit: String
    }

    struct Opened: Equatable, Sendable {
        let head: String
        let base: String
    }

    /// The branches of a new pull request.
    let opened: Opened?
    /// The pull request whose text may change.
    let updated: Int?
    let reviewed: Reviewed?
    /// A commit may be marked with a status.
    let marks: Bool

    init(_ json: JSON) throws(ForgeSite.Flaw) {
        let flaw = ForgeSite.Flaw(reason: "the proposals of the view of the forge are not as they must be")
        // Not with flatMap: there nil would be JSON's own.
        func part(_ name: String) -> JSON? {
            guard let value = json[name], !value.isNull else { return nil }
            return value
        }
        if let open = part("open_pull") {
            guard let head = open["head"]?.stringValue, let base = open["base"]?.stringValue, head != base else {
                throw flaw
            }
            opened = Opened(head: head, base: base)
        } else {
            opened = nil
        }
        if let update = part("update_pull") {
            guard let number = update["number"]?.intValue else { throw flaw }
            updated = number
        } else {
            updated = nil
        }
        if let review = part("review") {
            guard let number = review["number"]?.intValue, let commit = review["commit"]?.stringValue else {
                throw flaw
            }
            reviewed = Reviewed(number: number, commit: commit)
        } else {
            reviewed = nil
        }
        guard let marks = json["status"]?.boolValue else { throw flaw }
        self.marks = marks
    }
}

/// A change that a session proposed, checked for form and written anew. It is the session's word, whatever it says.
package struct ForgeProposal: Equatable {
    package let json: JSON

    private static let longestTitle = 256
    private static let longestText = 60_000
    /// Of a review: as long as findings may be.
    private static let longestRemark = 8000
    private static let mostComments = 200

    /// Reads a body for a route.
    package init(_ route: ForgeRoute, _ body: [UInt8], at site: ForgeSite) throws(ForgeRefusal) {
        let (rules, owner) = (site.rules, String(site.repository.prefix { $0 != "/" }))
        let members = try ProposalBody(body)
        switch route {
        case .open: json = try Self.open(members, rules, owner)
        case .update(let number): json = try Self.update(members, number, rules)
        case .review(let number): json = try Self.review(members, number, rules)
        case .status(let commit): json = try Self.status(members, commit, rules)
        case .overview, .read, .page: throw Self.notAllowed("a change", remedy: "Report this.")
        }
    }

    private static func open(_ body: ProposalBody, _ rules: ProposalRules, _ owner: String) throws(ForgeRefusal) -> JSON
    {
        guard let allowed = rules.opened else {
            throw notAllowed("a new pull request", remedy: "Go on on the one that this task is about.")
        }
        try body.requireOnly(["title", "body", "head", "base", "draft", "maintainer_can_modify"])
        let head = try body.text("head", longest: longestTitle)
        guard head == allowed.head || head == "\(owner):\(allowed.head)" else {
            throw .invalid("head", "is not the branch of this task", remedy: "Name \"\(allowed.head)\".")
        }
        guard try body.text("base", longest: longestTitle) == allowed.base else {
            throw .invalid("base", "is not the branch that this task goes to", remedy: "Name \"\(allowed.base)\".")
        }
        for name in ["draft", "maintainer_can_modify"] { try body.requireFlag(name) }
        return [
            "do": "open_pull", "title": .string(try body.text("title", longest: longestTitle)),
            "body": .string(try body.optionalText("body", longest: longestText) ?? ""),
        ]
    }

    private static func update(_ body: ProposalBody, _ number: Int, _ rules: ProposalRules) throws(ForgeRefusal) -> JSON
    {
        guard rules.updated == number else {
            throw notAllowed(
                "a change of pull request \(number)", remedy: "GET http://\(ForgeSite.host)/ says what may be.")
        }
        try body.requireOnly(["title", "body"])
        let title = try body.optionalText("title", longest: longestTitle)
        let text = try body.optionalText("body", longest: longestText)
        guard title != nil || text != nil else { throw .invalid("title", "is missing, and so is \"body\"") }
        return ["do": "update_pull", "number": .int(number), "title": .optional(title), "body": .optional(text)]
    }

    private static func review(_ body: ProposalBody, _ number: Int, _ rules: ProposalRules) throws(ForgeRefusal) -> JSON
    {
        guard let allowed = rules.reviewed, allowed.number == number else {
            throw notAllowed(
                "a review of pull request \(number)", remedy: "GET http://\(ForgeSite.host)/ says what may be.")
        }
        try body.requireOnly(["body", "event", "comments", "commit_id"])
        guard try body.text("event", longest: 40) == "COMMENT" else {
            throw .invalid("event", "is not COMMENT: to approve, or to ask for changes, is a person's")
        }
        if let commit = try body.optionalText("commit_id", longest: 40), commit != allowed.commit {
            throw .invalid("commit_id", "is not the commit that was looked at", remedy: "It is \(allowed.commit).")
        }
        var comments: [JSON] = []
        for comment in try body.list("comments", most: mostComments) {
            try comment.requireOnly(["path", "line", "side", "body"])
            if let side = try comment.optionalText("side", longest: 5), side != "RIGHT" {
                throw .invalid("side", "is not RIGHT, the side of the change")
            }
            comments.append([
                "path": .string(try comment.text("path", longest: 1000)),
                "line": .optional(try comment.optionalNumber("line")),
                "body": .string(try comment.text("body", longest: longestRemark)),
            ])
        }
        return [
            "do": "review", "number": .int(number),
            "body": .string(try body.optionalText("body", longest: longestRemark) ?? ""), "comments": .array(comments),
        ]
    }

    private static func status(_ body: ProposalBody, _ commit: String, _ rules: ProposalRules) throws(ForgeRefusal)
        -> JSON
    {
        guard rules.marks else {
            throw notAllowed("a status", remedy: "The operator allows it with --status.")
        }
        try body.requireOnly(["state", "context", "description"])
        let state = try body.text("state", longest: 10)
        guard ["error", "failure", "pending", "success"].contains(state) else {
            throw .invalid("state", "is none of error, failure, pending and success")
        }
        return [
            "do": "status", "commit": .string(commit), "state": .string(state),
            "context": .string(try body.optionalText("context", longest: 100) ?? ""),
            "description": .string(try body.optionalText("description", longest: 140) ?? ""),
        ]
    }

    private static func notAllowed(_ what: String, remedy: String) -> ForgeRefusal {
        ForgeRefusal(.forbidden, .notAllowed, "\(what) may not be proposed by this task", remedy: remedy)
    }
}

/// The members of a body, each with its kind and length; one that nobody reads is an error.
struct ProposalBody {
    private let members: [JSON.Member]
    private let place: String

    init(_ bytes: [UInt8]) throws(ForgeRefusal) {
        let json: JSON
        do throws(JSONParser.Failure) { json = try JSONParser.parse(bytes) } catch {
            throw ForgeRefusal(
                .badRequest, .malformed, "the body is no JSON: \(error.reason) at byte \(error.offset)",
                remedy: "Send one JSON object.")
        }
        try self.init(json, "")
    }

    private init(_ json: JSON, _ place: String) throws(ForgeRefusal) {
        guard let members = json.objectValue else { throw .invalid(place.isEmpty ? "body" : place, "is no object") }
        (self.members, self.place) = (members, place)
    }

    private func name(_ name: String) -> String { place.isEmpty ? name : "\(place).\(name)" }

    /// Nil for what is missing or null.
    private subscript(_ name: String) -> JSON? {
        guard let value = members.first(where: { $0.name == name })?.value, !value.isNull else { return nil }
        return value
    }

    func requireOnly(_ known: Set<String>) throws(ForgeRefusal) {
        // Not the name itself, which is anybody's text and may be of any length.
        guard members.allSatisfy({ known.contains($0.name) }) else {
            throw .invalid(
                place.isEmpty ? "body" : place, "has a member that is not taken here",
                remedy: "Taken are \(known.sorted().joined(separator: ", ")).")
        }
    }

    func requireFlag(_ name: String) throws(ForgeRefusal) {
        if let value = self[name], value.boolValue == nil { throw .invalid(self.name(name), "is not true or false") }
    }

    func optionalText(_ name: String, longest: Int) throws(ForgeRefusal) -> String? {
        guard let value = self[name] else { return nil }
        guard let text = value.stringValue else { throw .invalid(self.name(name), "is no text") }
        guard text.utf8.count <= longest else { throw .invalid(self.name(name), "is longer than \(longest) bytes") }
        return text
    }

    func text(_ name: String, longest: Int) throws(ForgeRefusal) -> String {
        guard let text = try optionalText(name, longest: longest), !text.isEmpty else {
            throw .invalid(self.name(name), "is missing")
        }
        return text
    }

    func optionalNumber(_ name: String) throws(ForgeRefusal) -> Int? {
        guard let value = self[name] else { return nil }
        guard let number = value.intValue, (1...(1 << 30)).contains(number) else {
            throw .invalid(self.name(name), "is no number of a line")
        }
        return number
    }

    func list(_ name: String, most: Int) throws(ForgeRefusal) -> [ProposalBody] {
        guard let value = self[name] else { return [] }
        guard let elements = value.arrayValue else { throw .invalid(self.name(name), "is no list") }
        guard elements.count <= most else { throw .invalid(self.name(name), "has more than \(most) elements") }
        var bodies: [ProposalBody] = []
        for (index, element) in elements.enumerated() {
            bodies.append(try ProposalBody(element, self.name("\(name)[\(index)]")))
        }
        return bodies
    }
}
