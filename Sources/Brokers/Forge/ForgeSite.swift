// SPDX-License-Identifier: Apache-2.0
internal import Documents

/// What one session finds at `forge.internal`: answers that the host put together before it began, and the changes that it
/// may propose.
///
///     {"version": 1, "repository": "octo/repo",
///      "answers": [{"path": "", "body": {...}}, {"path": "/issues/3", "body": {...}}, ...],
///      "proposals": {"open_pull": {"head": "...", "base": "..."}, "update_pull": null,
///                    "review": {"number": 5, "commit": "..."}, "status": false}}
///
/// Paths are those of GitHub behind `/repos/OWNER/NAME`, and bodies are as GitHub writes them. Nothing is asked of anybody:
/// what is not in here is not there, so no request carries anything out.
package struct ForgeSite: Sendable {
    package static let host = "forge.internal"

    /// Why a document is none.
    package struct Flaw: Error, Equatable, Sendable { package let reason: String }

    /// "owner/name", as it is written.
    package let repository: String
    let answers: [String: JSON]
    let rules: ProposalRules

    package init(_ bytes: [UInt8]) throws(Flaw) {
        let json: JSON
        do throws(JSONParser.Failure) { json = try JSONParser.parse(bytes) } catch {
            throw Flaw(reason: "the view of the forge is no JSON: \(error.reason) at byte \(error.offset)")
        }
        guard json["version"] == 1, let repository = json["repository"]?.stringValue,
            repository.split(separator: "/", omittingEmptySubsequences: false).count == 2,
            repository.utf8.allSatisfy(ForgeRoute.isPlain), let list = json["answers"]?.arrayValue,
            let proposals = json["proposals"]
        else { throw Flaw(reason: "the view of the forge has no version, repository, answers or proposals") }
        self.repository = repository
        var answers: [String: JSON] = [:]
        for answer in list {
            guard let path = answer["path"]?.stringValue, let body = answer["body"],
                path.utf8.allSatisfy(ForgeRoute.isPlain),
                answers.updateValue(body, forKey: path) == nil
            else { throw Flaw(reason: "an answer of the view of the forge is none, or is there twice") }
        }
        self.answers = answers
        rules = try ProposalRules(proposals)
    }

    /// What is served here, for whoever looks around.
    var overview: JSON {
        let start = "/repos/\(repository)"
        var proposals: [String] = []
        if rules.opened != nil { proposals.append("POST \(start)/pulls") }
        if let number = rules.updated { proposals.append("PATCH \(start)/pulls/\(number)") }
        if let review = rules.reviewed { proposals.append("POST \(start)/pulls/\(review.number)/reviews") }
        if rules.marks { proposals.append("POST \(start)/statuses/{sha}") }
        return [
            "repository_url": .string("http://\(Self.host)\(start)"),
            "read": .array(answers.keys.sorted().map { .string("GET \(start)\($0)") }),
            "propose": .array(proposals.map { .string($0) }),
            "note":
                "Read answers are as of the task's beginning. Proposals are taken down, and carried out by the host after every gate has spoken.",
        ]
    }
}
