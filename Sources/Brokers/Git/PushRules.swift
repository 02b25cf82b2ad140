// SPDX-License-Identifier: Apache-2.0
package import Wire
package import Workspace

/// What can be said of a push from its commands alone, before a byte of its pack is looked at.
package struct PushRules: Equatable, Sendable {
    package let scope: PushScope

    package init(scope: PushScope) { self.scope = scope }

    /// Said of a command that is fine by itself in a push that is refused: all or nothing.
    package static let refusedWithOthers = "refused with the rest of this push"

    /// Judges a request. Nothing of it is done when one command is refused.
    ///
    /// - Parameter references: What the repository has now.
    /// - Returns: For each command why it is refused; nil when there is nothing to say against the push.
    package func refusals(of request: PushRequest, references: [String: ObjectID]) -> [String]? {
        let others = Set(references.keys).union(request.commands.map(\.reference))
        let reasons = request.commands.map { reason(against: $0, references[$0.reference], others) }
        guard reasons.contains(where: { $0 != nil }) else { return nil }
        return reasons.map { $0 ?? Self.refusedWithOthers }
    }

    private func reason(against command: PushCommand, _ present: ObjectID?, _ others: Set<String>) -> String? {
        if let flaw = scope.flaw(of: command.reference) { return flaw }
        if command.new == nil { return "a branch may not be deleted" }
        // The client's word for what is there has to be the truth: what descends from it is asked later.
        guard command.old == present else {
            return present == nil
                ? "there is no such branch any more; fetch first" : "the branch is not where you think; fetch first"
        }
        // A name is a file of the repository, so it cannot be a directory as well.
        let clash = others.first { $0.hasPrefix(command.reference + "/") || command.reference.hasPrefix($0 + "/") }
        return clash == nil ? nil : "a branch of this name and one below it cannot both exist"
    }
}
