// SPDX-License-Identifier: Apache-2.0
package import Documents
internal import Secrets
internal import Workspace

extension GateRules {
    /// What ``init(_:)`` reads back. The salt is in it, so it is for our own processes and for no record.
    package var json: JSON {
        var members: [JSON.Member] = [
            JSON.Member("version", 1), JSON.Member("branches", .array(branches.map { .string($0) })),
            JSON.Member(
                "limits",
                [
                    "pack": .int(limits.pack), "commits": .int(limits.commits), "files": .int(limits.files),
                    "bytes": .int(limits.bytes),
                ]),
            JSON.Member("opened", .string(opened.rawValue)), JSON.Member("workflows", .string(workflows.rawValue)),
        ]
        members.append(JSON.Member("outside", .string(outside.rawValue)))
        if let paths { members.append(JSON.Member("paths", .array(paths.map { .string($0) }))) }
        if let authors {
            let allow = JSON.array(authors.allow.map { .string($0) })
            members.append(JSON.Member("authors", ["allow": allow, "others": .string(authors.others.rawValue)]))
        }
        var secrets: [JSON.Member] = [JSON.Member("action", .string(self.secrets.action.rawValue))]
        if let salt = self.secrets.salt { secrets.append(JSON.Member("salt", .string(salt))) }
        secrets.append(JSON.Member("accept", .array(self.secrets.accept.sorted().map { .string($0) })))
        members.append(JSON.Member("secrets", .object(secrets)))
        return .object(members)
    }

    /// Reads the rules of a person, strictly: an unknown key, a value that says nothing or a second meaning is an error
    /// with its line.
    ///
    /// - Parameter builtIn: What holds where the document says nothing.
    package init(_ document: Node, over builtIn: GateRules = GateRules()) throws(DocumentError) {
        self = builtIn
        var seenVersion = false
        var outside: Action?
        for entry in try document.entries() {
            switch entry.key {
            case "version":
                guard try entry.value.number() == 1 else {
                    throw entry.value.wrong("is not 1, the only version there is", "Write version: 1.")
                }
                seenVersion = true
            case "branches": branches = try entry.value.list(branchFlaw)
            case "paths":
                paths = try entry.value.list(pathFlaw)
                // Of paths of one's own; what was built in went with those that were.
                self.outside = .refuse
            case "outside": outside = try entry.value.action([.refuse, .flag])
            case "limits": try readLimits(entry.value)
            case "opened": opened = try entry.value.action([.refuse, .flag])
            case "workflows": workflows = try entry.value.action(Action.allCases)
            case "secrets": try readSecrets(entry.value)
            case "authors": authors = try Self.authors(entry.value)
            default:
                throw entry.unknown("version, branches, paths, outside, limits, opened, workflows, secrets, authors")
            }
        }
        if let outside { self.outside = outside }
        guard seenVersion else {
            throw document.wrong("has no version", "Write version: 1 as its first line.")
        }
    }

    private mutating func readLimits(_ node: Node) throws(DocumentError) {
        for entry in try node.entries() {
            let value = try entry.value.size()
            switch entry.key {
            case "pack": limits.pack = value
            case "commits": limits.commits = value
            case "files": limits.files = value
            case "bytes": limits.bytes = value
            default: throw entry.unknown("pack, commits, files, bytes")
            }
        }
    }

    private mutating func readSecrets(_ node: Node) throws(DocumentError) {
        for entry in try node.entries() {
            switch entry.key {
            case "action": secrets.action = try entry.value.action([.refuse, .flag])
            case "salt":
                let salt = try entry.value.text()
                guard salt.count >= 32, salt.utf8.allSatisfy(isHexadecimal) else {
                    throw entry.value.wrong(
                        "is no salt of 32 hexadecimal digits or more", "Make one with: openssl rand -hex 16.")
                }
                secrets.salt = salt
            case "accept":
                secrets.accept = Set(
                    try entry.value.list { text in
                        text.utf8.count == SecretMatch.fingerprintLength && text.utf8.allSatisfy(isHexadecimal)
                            ? nil : "is no fingerprint, which has \(SecretMatch.fingerprintLength) hexadecimal digits"
                    })
            default: throw entry.unknown("action, salt, accept")
            }
        }
        guard secrets.accept.isEmpty || secrets.salt != nil else {
            throw node.wrong("accepts fingerprints without a salt to make them by", "Write secrets.salt too.")
        }
    }

    private static func authors(_ node: Node) throws(DocumentError) -> Authors {
        var authors = Authors(allow: [], others: .refuse)
        for entry in try node.entries() {
            switch entry.key {
            case "allow":
                authors.allow = try entry.value.list {
                    $0.contains("@") ? nil : "is no address, *@host or name <address>"
                }
            case "others": authors.others = try entry.value.action(Action.allCases)
            default: throw entry.unknown("allow, others")
            }
        }
        return authors
    }
}

private func isHexadecimal(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) }

private func branchFlaw(_ name: String) -> String? {
    let whole = name.hasSuffix("/") ? name + "x" : name
    return ReferenceName.branch(whole) == nil ? "is no name of a branch" : nil
}

private func pathFlaw(_ text: String) -> String? {
    guard let pattern = IgnorePattern(line: Array(text.utf8)) else { return "is no pattern" }
    return pattern.isNegative ? "begins with an exclamation mark, which means nothing here" : nil
}

extension Node {
    fileprivate func wrong(_ reason: String, _ remedy: String) -> DocumentError {
        let subject = if case .scalar(let text, _) = value { "\"\(text)\"" } else { kind }
        return DocumentError(.wrongType, at: place, "\(subject) \(reason)", remedy: remedy)
    }

    fileprivate func entries() throws(DocumentError) -> [Entry] {
        guard case .mapping(let entries) = value else { throw wrong("is no mapping", "Write keys and values.") }
        return entries
    }

    fileprivate func text() throws(DocumentError) -> String {
        guard case .scalar(let text, _) = value, !text.isEmpty else {
            throw wrong("is no text", "Write one value.")
        }
        return text
    }

    fileprivate func number() throws(DocumentError) -> Int {
        guard let number = Int(try text()), number >= 0 else {
            throw wrong("is no whole number", "Write digits only.")
        }
        return number
    }

    /// A count, or bytes with one of the units of a profile.
    fileprivate func size() throws(DocumentError) -> Int {
        let text = try text()
        let units: [(suffix: String, shift: Int)] = [("KiB", 10), ("MiB", 20), ("GiB", 30)]
        let unit = units.first { text.hasSuffix($0.suffix) }
        let digits = unit.map { text.dropLast($0.suffix.count) } ?? text[...]
        guard let number = Int(digits), number >= 0, number <= Int.max >> (unit?.shift ?? 0) else {
            throw wrong("is no number, and none with KiB, MiB or GiB", "Write for example 500 or 64MiB.")
        }
        return number << (unit?.shift ?? 0)
    }

    fileprivate func list(_ flaw: (String) -> String?) throws(DocumentError) -> [String] {
        guard case .sequence(let items) = value else { throw wrong("is no list", "Write it as a list.") }
        var result: [String] = []
        for item in items {
            let text = try item.text()
            if let flaw = flaw(text) { throw item.wrong(flaw, "Correct it, or take it out.") }
            result.append(text)
        }
        return result
    }

    fileprivate func action(_ allowed: [GateRules.Action]) throws(DocumentError) -> GateRules.Action {
        guard let action = GateRules.Action(rawValue: try text()), allowed.contains(action) else {
            throw wrong("means nothing here", "Write one of: \(allowed.map(\.rawValue).joined(separator: ", ")).")
        }
        return action
    }
}

extension Node.Entry {
    fileprivate func unknown(_ known: String) -> DocumentError {
        DocumentError(.unsupported, at: keyPlace, "unknown key \"\(key)\"", remedy: "The keys here are \(known).")
    }
}
