// SPDX-License-Identifier: Apache-2.0
internal import Documents

/// An answer that a submitter gives beforehand: `act:push`, `host:api.example.org`, `host:*.example.org`,
/// `ref:refs/heads/sallyport/*`.
///
/// One that would cover about everything is none: it would be a policy, and those are the operator's.
package struct PreApproval: Sendable, Hashable {
    private enum Scope: Sendable, Hashable {
        case act(ApprovalRequest.Act)
        /// Exact, or with all names below it.
        case host(String, below: Bool)
        /// Exact, or with all that begins so.
        case reference(String, below: Bool)
    }

    package let text: String
    private let scope: Scope

    /// What a person can be asked about, in the words of a blueprint's `gates`.
    private static let acts: [ApprovalRequest.Act] = [.plan, .push, .pullRequest, .newHost, .secretUse]
    package static let form = "act:NAME, host:NAME, host:*.NAME, ref:NAME or ref:PREFIX*"

    package init(_ text: String) throws(TaskRefusal) {
        self.text = text
        guard (1...128).contains(text.utf8.count), text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw Self.refusal(text, "it is not of 1 to 128 plain characters")
        }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else { throw Self.refusal(text, "it is none of \(Self.form)") }
        switch parts[0] {
        case "act":
            guard let act = ApprovalRequest.Act(rawValue: parts[1]), Self.acts.contains(act) else {
                let known = Self.acts.map(\.rawValue).joined(separator: ", ")
                throw Self.refusal(text, "there is no such act; there are \(known)")
            }
            scope = .act(act)
        case "host": scope = try Self.host(text, parts[1])
        case "ref": scope = try Self.reference(text, parts[1])
        default: throw Self.refusal(text, "it is none of \(Self.form)")
        }
    }

    private static func host(_ text: String, _ value: String) throws(TaskRefusal) -> Scope {
        let isBelow = value.hasPrefix("*.")
        let name = isBelow ? String(value.dropFirst(2)) : value
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        let isPlain = name.utf8.allSatisfy {
            (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D || $0 == 0x2E
        }
        guard isPlain, labels.allSatisfy({ (1...63).contains($0.count) }), name.utf8.count > 2 else {
            throw refusal(text, "it is no host name in lower case")
        }
        guard labels.count > 1 else { throw refusal(text, "it would cover more than one domain") }
        return .host(name, below: isBelow)
    }

    private static func reference(_ text: String, _ value: String) throws(TaskRefusal) -> Scope {
        let isBelow = value.hasSuffix("*")
        let name = isBelow ? String(value.dropLast()) : value
        let root = "refs/heads/"
        guard name.hasPrefix(root), !name.contains("*"), !name.contains("?") else {
            throw refusal(
                text, "it does not name a branch as refs/heads/NAME, or the beginning of one with * at its end")
        }
        guard name.utf8.count - root.utf8.count > 2 else { throw refusal(text, "it would cover about every branch") }
        return .reference(name, below: isBelow)
    }

    private static func refusal(_ text: String, _ reason: String) -> TaskRefusal {
        TaskRefusal(
            .validation, "cannot approve \"\(text.displayed)\" beforehand: \(reason). See: sallyport submit --help.")
    }

    /// Whether it answers a request. No other fact than the host's own decides that.
    package func covers(_ request: ApprovalRequest) -> Bool {
        switch scope {
        case .act(let act): return request.act == act
        case .host(let name, let isBelow):
            guard request.act == .newHost, let host = request["host"]?.stringValue else { return false }
            return host == name || isBelow && host.hasSuffix("." + name)
        case .reference(let name, let isBelow):
            guard request.act == .push, let reference = request["reference"]?.stringValue else { return false }
            return reference == name || isBelow && reference.hasPrefix(name)
        }
    }
}
