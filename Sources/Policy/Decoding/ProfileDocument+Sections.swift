// SPDX-License-Identifier: Apache-2.0
import Documents

extension ProfileDocument {
    mutating func decodeFilesystem(_ section: ProfileField) throws(PolicyError) {
        let fields = try section.fields(known: ProfileKey.names(in: "filesystem"))
        writable = try fields["writable"]?.list { field throws(PolicyError) in try field.rulePath() }
        readOnly = try fields["read_only"]?.list { field throws(PolicyError) in try field.rulePath() }
        denyPaths = try fields["deny"]?.list { field throws(PolicyError) in try field.rulePath() }
        if let field = fields["workspace"] {
            workspace = Sourced(try field.choice(WorkspaceAccess.self), field.node.place)
        }
    }

    mutating func decodeSyscalls(_ section: ProfileField) throws(PolicyError) {
        let fields = try section.fields(known: ProfileKey.names(in: "syscalls"))
        allowGroups = try fields["allow_groups"]?.list { field throws(PolicyError) in
            try field.choice(SyscallGroup.self)
        }
        denySyscalls = try fields["deny"]?.list { field throws(PolicyError) in
            let name = try field.string()
            guard SyscallTable.number(of: name) != nil else {
                let near = nearestName(to: name, among: SyscallTable.names)
                throw field.error(
                    "is \"\(name)\", which is no system call of this architecture",
                    remedy: near.map { "Did you mean \"\($0)\"?" } ?? "See syscalls(2) for the names.")
            }
            return name
        }
    }

    mutating func decodeEnvironment(_ section: ProfileField) throws(PolicyError) {
        let fields = try section.fields(known: ProfileKey.names(in: "environment"))
        pass = try fields["pass"]?.list { field throws(PolicyError) in
            let name = try field.string()
            try field.checkVariable(name)
            if EnvironmentPolicy.looksLikeCredential(name) {
                throw field.error(
                    "is \"\(name)\", a name that credentials go by, and none may enter a sandbox",
                    remedy: "Remove it; credentials are added outside, by the gateway.")
            }
            return name
        }
        if let field = fields["set"] {
            var variables: [Sourced<EnvironmentPolicy.Variable>] = []
            for (key, field) in try field.entries() {
                try field.checkVariable(key.value)
                let value = try field.variableValue()
                variables.append(Sourced(.init(name: key.value, value: value), key.place))
            }
            set = SourcedList(items: variables, place: field.node.place)
        }
    }

    mutating func decodeLimits(_ section: ProfileField) throws(PolicyError) {
        let fields = try section.fields(known: ProfileKey.names(in: "limits"))
        for key in LimitKey.allCases {
            guard let field = fields[key.rawValue] else { continue }
            let text = try field.word(key.expected)
            guard let number = key.parse(text) else {
                throw field.error("is \"\(text)\"", remedy: "Write \(key.expected).")
            }
            limits[key] = Sourced(number, field.node.place)
        }
    }
}

extension ProfileField {
    func rulePath() throws(PolicyError) -> RulePath {
        let text = try string()
        do throws(RulePath.Flaw) {
            return try RulePath.rule(text)
        } catch {
            throw self.error("is \"\(text)\", which \(error.explanation.reason)", remedy: error.explanation.remedy)
        }
    }

    fileprivate func checkVariable(_ name: String) throws(PolicyError) {
        guard EnvironmentPolicy.isName(name) else {
            throw error(
                "names \"\(name)\", which is no variable name",
                remedy: "Use letters, digits and underscores, not beginning with a digit.")
        }
    }

    fileprivate func variableValue() throws(PolicyError) -> String {
        // An empty value is legal in an environment, but only when it is written as one.
        if case .scalar("", .quoted) = node.value { return "" }
        let value = try string()
        let longest = EnvironmentPolicy.maximumValueBytes
        guard value.utf8.count <= longest else {
            throw error("is longer than \(longest) bytes", remedy: "Put the text into a file of the workspace.")
        }
        return value
    }
}
