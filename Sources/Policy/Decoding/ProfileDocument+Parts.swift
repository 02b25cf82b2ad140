// SPDX-License-Identifier: Apache-2.0
package import Documents

extension ProfileDocument {
    /// What other documents than profiles say of a sandbox, under names of their own: a blueprint's `resources:` are limits.
    package enum Part: Sendable, CaseIterable { case filesystem, limits, egressRules, directIP }

    /// A document that says nothing yet but why it is there.
    package init(file: String, place: Place, reason: Sourced<String>) {
        self.file = file
        self.place = place
        self.reason = reason
        limits = [:]
    }

    /// Reads one part into this document; a refusal names it by the path that the other document has for it.
    package mutating func add(_ part: Part, path: String, _ node: Node) throws(PolicyError) {
        let field = ProfileField(path: path, node: node)
        switch part {
        case .filesystem: try decodeFilesystem(field)
        case .limits: try decodeLimits(field)
        case .egressRules: egressRules = try field.list { field throws(PolicyError) in try field.egressRule() }
        case .directIP: directIP = Sourced(try field.choice(DirectAddress.self), node.place)
        }
    }
}
