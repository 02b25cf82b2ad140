// SPDX-License-Identifier: Apache-2.0
internal import Delivery
internal import Documents
internal import TaskModel

/// The segments of a prompt that are known before the repository is read, and what is to be read there.
///
///     sallyport-task ── JSON on standard input ──▶ step-prompt (confined) ── the whole prompt on descriptor 3 ──▶
struct PromptPlan {
    /// Before the rules of the repository, and after them.
    let before: [Prompt.Segment]
    let after: [Prompt.Segment]
    let paths: [String]

    static let longestThreads = 20_000

    init(_ order: TaskOrder) {
        before = [.init("duty", .operator, PromptTemplate.text(order.type, branch: order.pull?.head))]
        var after: [Prompt.Segment] = []
        if let instructions = order.instructions { after.append(.init("instructions", .operator, instructions)) }
        let name = order.item.kind.rawValue + (order.item.number.map { " \($0)" } ?? "")
        let text = order.isPlain ? order.item.body : "\(order.item.title)\n\n\(order.item.body)"
        after.append(.init("work item: \(name)", order.trust, text))
        if let words = order.words { after.append(.init("request", .requester, words)) }
        if !order.criteria.isEmpty { after.append(.init("criteria", .requester, Self.text(order.criteria))) }
        if let pull = order.pull, !pull.openThreads.isEmpty {
            after.append(.init("review threads", .thirdParty, Self.text(pull.openThreads)))
        }
        if let pull = order.pull, !pull.comments.isEmpty {
            after.append(.init("conversation", .thirdParty, Self.text(pull.comments)))
        }
        self.after = after
        paths = order.item.paths
    }

    private static func text(_ criteria: [Criterion]) -> String {
        criteria.map { criterion in
            "- \(criterion.name): \(criterion.text)\n" + (criterion.check.map { "  checked by: \($0)\n" } ?? "")
        }.joined()
    }

    private static func text(_ threads: [PullRequest.Thread]) -> String {
        var text = ""
        for thread in threads {
            var part = "Thread \(thread.number), \(thread.file)" + (thread.line.map { ":\($0)" } ?? "")
            part += (thread.severity.map { " (\($0))" } ?? "") + "\n"
            for comment in thread.comments { part += "  \(comment.author): \(comment.body)\n" }
            guard text.utf8.count + part.utf8.count <= longestThreads else {
                return text + "(more threads are left out for length)\n"
            }
            text += part
        }
        return text
    }

    /// The newest remarks that there is room for, oldest first.
    private static func text(_ comments: [Comment]) -> String {
        var parts: [String] = []
        var room = longestThreads
        for comment in comments.reversed() {
            let part = "\(comment.author): \(comment.body)\n"
            room -= part.utf8.count
            guard room >= 0 else {
                parts.append("(earlier remarks are left out for length)\n")
                break
            }
            parts.append(part)
        }
        return parts.reversed().joined()
    }

    var json: JSON {
        func list(_ segments: [Prompt.Segment]) -> JSON {
            .array(
                segments.map {
                    [
                        "label": .string($0.label), "trust": .string($0.trust.rawValue), "text": .string($0.text),
                    ]
                })
        }
        return ["before": list(before), "after": list(after), "paths": .array(paths.map { .string($0) })]
    }

    /// Reads what ``json`` became.
    init(_ bytes: [UInt8]) throws(TaskFailure) {
        let json: JSON
        do throws(JSONParser.Failure) {
            json = try JSONParser.parse(bytes)
        } catch {
            throw TaskFailure(message: "the plan of a prompt is no JSON: \(error.reason)")
        }
        before = try Self.segments(json["before"])
        after = try Self.segments(json["after"])
        paths = json["paths"]?.arrayValue?.compactMap(\.stringValue) ?? []
    }

    private static func segments(_ json: JSON?) throws(TaskFailure) -> [Prompt.Segment] {
        var result: [Prompt.Segment] = []
        for element in json?.arrayValue ?? [] {
            guard let label = element["label"]?.stringValue, let text = element["text"]?.stringValue,
                let trust = element["trust"]?.stringValue.flatMap(Prompt.Trust.init(rawValue:))
            else { throw TaskFailure(message: "the plan of a prompt has a segment without label, trust or text") }
            result.append(.init(label, trust, text))
        }
        return result
    }
}
