// SPDX-License-Identifier: Apache-2.0
package import Documents

/// One profile file, decoded and not yet merged: nil where the file says nothing.
package struct ProfileDocument: Sendable, Hashable {
    package var file: String
    package var place: Place
    package var extends: SourcedList<String>?
    package var reason: Sourced<String>
    package var rootfs: Sourced<String>?
    package var writable: SourcedList<RulePath>?
    package var readOnly: SourcedList<RulePath>?
    package var denyPaths: SourcedList<RulePath>?
    package var workspace: Sourced<WorkspaceAccess>?
    package var allowGroups: SourcedList<SyscallGroup>?
    package var denySyscalls: SourcedList<String>?
    package var pass: SourcedList<String>?
    package var set: SourcedList<EnvironmentPolicy.Variable>?
    package var landlock: Sourced<LandlockRequirement>?
    package var limits: [LimitKey: Sourced<UInt64>]
    package var directIP: Sourced<DirectAddress>?
    package var egressRules: SourcedList<EgressRule>?
    /// Of this file alone: what a parent asserts of itself need not hold for its heirs.
    package var tests: SourcedList<Assertion>?

    /// Reads one file's text. The world is closed: a key that is not known is an error, never a comment.
    package static func decode(_ bytes: [UInt8], file: String) throws(PolicyError) -> ProfileDocument {
        let node: Node
        do throws(DocumentError) {
            node = try Node.read(bytes, file: file)
        } catch {
            throw PolicyError(error)
        }
        return try ProfileDocument(ProfileField(path: "", node: node))
    }

    private init(_ root: ProfileField) throws(PolicyError) {
        file = root.node.place.file
        place = root.node.place
        limits = [:]
        let fields = try root.fields(known: ProfileKey.names(in: ""))
        guard let version = fields["version"] else {
            throw root.error("has no \"version\"", remedy: "Begin it with \"version: 1\".")
        }
        guard try version.word() == "1" else {
            throw version.error("is not one this program knows", remedy: "Write \"version: 1\".")
        }
        guard let reason = fields["reason"] else {
            throw root.error("has no \"reason\"", remedy: "Say in a sentence what it is for.")
        }
        self.reason = Sourced(try reason.sentence(), reason.node.place)
        extends = try fields["extends"]?.list { field throws(PolicyError) in try field.profileName() }
        if let field = fields["rootfs"] { rootfs = Sourced(try field.profileName(), field.node.place) }
        landlock = try Self.landlock(fields["landlock"], reason: fields["landlock_reason"])
        if let field = fields["filesystem"] { try decodeFilesystem(field) }
        if let field = fields["syscalls"] { try decodeSyscalls(field) }
        if let field = fields["environment"] { try decodeEnvironment(field) }
        if let field = fields["limits"] { try decodeLimits(field) }
        if let field = fields["egress"] { try decodeEgress(field) }
        tests = try fields["tests"]?.list { field throws(PolicyError) in try field.assertion() }
    }

    private static func landlock(
        _ field: ProfileField?, reason: ProfileField?
    ) throws(PolicyError) -> Sourced<LandlockRequirement>? {
        enum Word: String, CaseIterable { case required, waived }
        guard let field else {
            if let reason {
                throw reason.error("stands without \"landlock: waived\"", remedy: "Write both, or neither.")
            }
            return nil
        }
        switch (try field.choice(Word.self), reason) {
        case (.required, nil): return Sourced(.required, field.node.place)
        case (.required, let reason?):
            throw reason.error("stands beside \"landlock: required\"", remedy: "Remove it: nothing is waived.")
        case (.waived, nil):
            throw field.error(
                "is waived without a reason", remedy: "Add \"landlock_reason: ...\" beside it; sessions record it.")
        case (.waived, let reason?):
            return Sourced(.waived(reason: try reason.sentence()), field.node.place)
        }
    }
}

extension ProfileField {
    fileprivate func assertion() throws(PolicyError) -> Assertion {
        let text = try string()
        do throws(Subject.Flaw) { return try Assertion(text) } catch {
            throw self.error("is \"\(text)\", which \(error.reason)", remedy: error.remedy)
        }
    }

    /// A profile's or recipe's name: it becomes part of a file name, so it cannot lead elsewhere.
    func profileName() throws(PolicyError) -> String {
        let name = try string()
        let allowed = name.utf8.allSatisfy { byte in
            (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == UInt8(ascii: "-")
        }
        guard allowed, name.utf8.count <= 64, name.utf8.first != UInt8(ascii: "-") else {
            throw error("is \"\(name)\", which is no name", remedy: "Use small letters, digits and hyphens.")
        }
        return name
    }
}
