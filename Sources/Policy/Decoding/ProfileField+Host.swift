// SPDX-License-Identifier: Apache-2.0
import Documents

extension ProfileField {
    /// A host name or a wildcard before one. A deny rule may be as wide as it likes.
    func hostPattern(denied: Bool) throws(PolicyError) -> HostPattern {
        let text = try string()
        let (reach, rest) = HostPattern.split(text)
        if rest.contains("*") { throw misplacedWildcard(text) }
        if let slip = Self.slip(text) { throw error("is \"\(text)\", \(slip.reason)", remedy: slip.remedy) }
        let name: HostName
        do throws(HostName.Flaw) { name = try HostName(checking: String(rest)) } catch {
            throw refusal(of: error, text, rest)
        }
        guard name.text == rest else {
            throw error("is \"\(text)\", with capital letters", remedy: "Write \"\(text.lowercased())\".")
        }
        let pattern = HostPattern(reach, name)
        if !denied { try refuseReach(pattern) }
        return pattern
    }

    /// What no allowing rule may be about, however well it is formed.
    private func refuseReach(_ pattern: HostPattern) throws(PolicyError) {
        if pattern.isWildcard, PublicSuffixes.contains(pattern.name) {
            let why = pattern.name.labelCount == 1 ? "" : ": strangers get names below \(pattern.name)"
            throw error(
                "is \"\(pattern)\", wider than one registrable domain\(why)",
                remedy: "Name the hosts the task needs.")
        }
        guard let (shown, flaw) = pattern.name.disguisedLabel else { return }
        switch flaw {
        case .notEncoded:
            throw error(
                "is \"\(pattern)\", where \"\(shown)\" decodes to no name", remedy: "Copy the name from its owner.")
        case .mixedScripts:
            throw error(
                "is \"\(pattern)\", which reads as \"\(shown)\" in letters of several scripts",
                remedy: "Such a name is made to be taken for another; write the one you mean.")
        case .lookalike:
            throw error(
                "is \"\(pattern)\", which reads as \"\(shown)\" in letters that only look Latin",
                remedy: "Such a name is made to be taken for another; write the one you mean.")
        }
    }

    private func misplacedWildcard(_ text: String) -> PolicyError {
        if text == "*" || text == "**" {
            return error("is \"\(text)\", every name there is", remedy: "Name the hosts the task needs.")
        }
        return error(
            "is \"\(text)\", with a \"*\" that is not the whole first label",
            remedy: "Write \"*.\" in front for exactly one label, \"**.\" for one or more.")
    }

    /// What people paste in place of a name.
    private static func slip(_ text: String) -> (reason: String, remedy: String)? {
        if let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") {
            let host = text.utf8[colon...].dropFirst(3).prefix { !"/:?#".utf8.contains($0) }
            return ("a URL", "Write the host alone: \"\(Substring(host))\".")
        }
        if IPAddress(text: text) != nil {
            return (
                "an address", "Write \"cidr: \(text)/\(text.contains(":") ? 128 : 32)\" to let it be dialled as such."
            )
        }
        if let slash = text.firstIndex(of: "/") {
            return ("with a path", "Write \"\(text[..<slash])\"; paths go under http, where requests are seen.")
        }
        if let colon = text.firstIndex(of: ":"), Units.count(String(text[text.index(after: colon)...])) != nil {
            return (
                "with a port",
                "Write \"\(text[..<colon])\", and \"ports: [\(text[text.index(after: colon)...])]\" beside it."
            )
        }
        return nil
    }

    private func refusal(of flaw: HostName.Flaw, _ text: String, _ rest: Substring) -> PolicyError {
        let (reason, remedy): (String, String) =
            switch flaw {
            case .empty: ("names nothing", "Write a host name.")
            case .tooLong: ("is longer than the 253 characters of a host name", "Shorten it.")
            case .trailingDot: ("ends in a dot", "Write \"\(text.dropLast())\".")
            case .emptyLabel: ("has an empty part between two dots", "Remove one dot.")
            case .longLabel: ("has a part longer than 63 characters", "Shorten it.")
            case .hyphen: ("has a part that begins or ends with a hyphen", "Correct it; no such host exists.")
            case .address:
                ("ends in a number, so that programs take it for an address", "Write \"cidr:\" with the plain address.")
            case .character(let scalar) where scalar.isASCII:
                ("holds \"\(Character(scalar))\"", "Write letters, digits, hyphens and dots only.")
            case .character:
                ("has letters outside ASCII", "Write its xn-- form, the one that DNS knows.")
            }
        return error("is \"\(text)\", which \(reason)", remedy: remedy)
    }
}
