// SPDX-License-Identifier: Apache-2.0
internal import Delivery
internal import Documents
internal import TaskModel

/// What a prompt is made of that is known before the repository is read, and what is to be read there.
///
///     sallyport-task ── JSON on standard input ──▶ step-prompt (confined) ── the whole prompt on descriptor 3 ──▶
struct PromptPlan {
    /// Before the rules of the repository, and after them.
    let before: [Hydration.Source]
    let after: [Hydration.Source]
    let paths: [String]

    /// - Parameters:
    ///   - duty: In place of the one of the task's type.
    ///   - extra: Comes last.
    init(_ order: TaskOrder, duty: String? = nil, extra: [Hydration.Source] = []) {
        before = [.init("duty", .operator, duty ?? PromptTemplate.text(order.type, branch: order.pull?.head))]
        var after: [Hydration.Source] = []
        if let instructions = order.instructions { after.append(.init("instructions", .operator, instructions)) }
        let name = order.item.kind.rawValue + (order.item.number.map { " \($0)" } ?? "")
        let text = order.isPlain ? order.item.body : "\(order.item.title)\n\n\(order.item.body)"
        after.append(.init("work item: \(name)", order.trust, text))
        if let words = order.words { after.append(.init("request", .requester, words)) }
        if !order.criteria.isEmpty { after.append(.init("criteria", .requester, Self.text(order.criteria))) }
        after += order.memory.sources
        if let pull = order.pull {
            after.append(
                .init("review threads", .thirdParty, parts: pull.openThreads.map(Self.text), shedding: .threads))
            after.append(
                .init(
                    "conversation", .thirdParty, parts: pull.comments.map { "\($0.author): \($0.body)\n" },
                    shedding: .conversation))
        }
        self.after = after + extra
        paths = order.item.paths
    }

    private static func text(_ criteria: [Criterion]) -> String {
        criteria.map { criterion in
            "- \(criterion.name): \(criterion.text)\n" + (criterion.check.map { "  checked by: \($0)\n" } ?? "")
        }.joined()
    }

    private static func text(_ thread: PullRequest.Thread) -> String {
        var text = "Thread \(thread.number), \(thread.file)" + (thread.line.map { ":\($0)" } ?? "")
        text += (thread.severity.map { " (\($0))" } ?? "") + "\n"
        for comment in thread.comments { text += "  \(comment.author): \(comment.body)\n" }
        return text
    }

    var json: JSON {
        func list(_ sources: [Hydration.Source]) -> JSON {
            .array(
                sources.map {
                    [
                        "label": .string($0.label), "trust": .string($0.trust.rawValue), "lead": .string($0.lead),
                        "parts": .array($0.parts.map { .string($0) }), "shedding": .optional($0.shedding?.rawValue),
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
        before = try Self.sources(json["before"])
        after = try Self.sources(json["after"])
        paths = json["paths"]?.arrayValue?.compactMap(\.stringValue) ?? []
    }

    private static func sources(_ json: JSON?) throws(TaskFailure) -> [Hydration.Source] {
        var result: [Hydration.Source] = []
        for element in json?.arrayValue ?? [] {
            guard let label = element["label"]?.stringValue, let lead = element["lead"]?.stringValue,
                let trust = element["trust"]?.stringValue.flatMap(Prompt.Trust.init(rawValue:)),
                let parts = element["parts"]?.arrayValue?.compactMap(\.stringValue)
            else { throw TaskFailure(message: "the plan of a prompt has a source without label, trust or text") }
            let shedding = element["shedding"]?.intValue.flatMap(Hydration.Shedding.init(rawValue:))
            result.append(.init(label, trust, lead, parts: parts, shedding: shedding))
        }
        return result
    }
}
