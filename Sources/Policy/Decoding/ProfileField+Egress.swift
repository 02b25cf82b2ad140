// SPDX-License-Identifier: Apache-2.0
import Documents

extension ProfileField {
    /// Ports: a list, or the word `any`.
    func ports() throws(PolicyError) -> EgressRule.Ports {
        if case .scalar(let text, _) = node.value {
            guard text == "any" else {
                throw error(
                    "is \"\(text)\" where a list of ports is meant", remedy: "Write a list such as [443], or any.")
            }
            return .any
        }
        var ports: [UInt16] = []
        for element in try elements() {
            let port = try element.port()
            guard !ports.contains(port) else {
                throw element.error("is \(port) a second time", remedy: "Keep one of the two.")
            }
            ports.append(port)
        }
        guard !ports.isEmpty else {
            throw error("is an empty list, which allows no port", remedy: "Name the ports, or remove it.")
        }
        return .list(ports)
    }

    private func port() throws(PolicyError) -> UInt16 {
        let text = try word("a port number")
        guard let number = Units.count(text), let port = UInt16(exactly: number), port > 0, String(port) == text else {
            throw error("is \"\(text)\"", remedy: "Write a port number from 1 to 65535.")
        }
        guard port != 53 else {
            throw error(
                "is 53, the port of the session's own resolver, which answers from policy alone",
                remedy: "Remove it: names that rules allow resolve without it.")
        }
        return port
    }

    func nameCount() throws(PolicyError) -> Int {
        let text = try word("a number of names")
        guard let number = Units.count(text), (1...4096).contains(number) else {
            throw error("is \"\(text)\"", remedy: "Write a number of names from 1 to 4096.")
        }
        return Int(number)
    }

    /// Blocks that real addresses may lie in.
    func addressBlocks() throws(PolicyError) -> [AddressBlock] {
        var blocks: [AddressBlock] = []
        for element in try elements() {
            let block = try element.addressBlock()
            let (name, range) = AddressClass.range(of: block.base)
            guard name.canBeNamed || range?.covers(block) == false else {
                throw element.error(
                    "is \"\(block)\", \(name.words), where no connection can go", remedy: "Remove it.")
            }
            guard !blocks.contains(block) else {
                throw element.error("is \(block) a second time", remedy: "Keep one of the two.")
            }
            blocks.append(block)
        }
        guard !blocks.isEmpty else {
            throw error(
                "is an empty list, which allows no address", remedy: "Name the blocks, or remove it for public ones.")
        }
        return blocks
    }

    func addressBlock() throws(PolicyError) -> AddressBlock {
        let text = try string()
        do throws(AddressBlock.Flaw) { return try AddressBlock(checking: text) } catch {
            let (reason, remedy): (String, String) =
                switch error {
                case .notABlock: ("is no address block", "Write it like 203.0.113.0/24 or 2001:db8::/32.")
                case .noLength:
                    ("has no length", "Write \"\(text)/\(text.contains(":") ? 128 : 32)\" for this one address.")
                case .hostBits(let block): ("has bits behind its length", "Write \"\(block)\".")
                case .wrapped: ("only wraps IPv4 addresses", "Write the IPv4 block; it holds both spellings.")
                }
            throw self.error("is \"\(text)\", which \(reason)", remedy: remedy)
        }
    }

    /// Methods and paths, which can be held only where requests are seen.
    func httpLimits(for rule: EgressRule) throws(PolicyError) -> HTTPLimits {
        let hidden: String? =
            switch rule.ports {
            case .any: "any port"
            case .list(let ports): ports.first { rule.mode(for: $0) != .http }.map { "port \($0)" }
            }
        if let hidden {
            throw error(
                "limits requests on \(hidden), where they are not seen",
                remedy: "Give plain HTTP a rule of its own (ports: [80]), or remove the limits.")
        }
        let fields = try fields(known: ProfileKey.names(in: "egress.rules[].http"))
        guard !fields.isEmpty else {
            throw error("says nothing", remedy: "Write methods, paths or both, or remove it.")
        }
        return HTTPLimits(methods: try fields["methods"]?.methods(), paths: try fields["paths"]?.paths())
    }

    private func methods() throws(PolicyError) -> [String] {
        var methods: [String] = []
        for element in try elements() {
            let text = try element.string()
            guard !text.isEmpty, text.utf8.count <= 32, text.utf8.allSatisfy({ (0x41...0x5A).contains($0) }) else {
                throw element.error("is \"\(text)\", which is no method", remedy: "Write it in capitals, like GET.")
            }
            guard text != "CONNECT" else {
                throw element.error("is CONNECT, which no rule opens", remedy: "Name the host it should lead to.")
            }
            methods.append(text)
        }
        guard !methods.isEmpty else {
            throw error("is an empty list, which allows no request", remedy: "Name the methods, or remove it.")
        }
        return methods
    }

    private func paths() throws(PolicyError) -> [String] {
        var paths: [String] = []
        for element in try elements() {
            let text = try element.string()
            guard HTTPLimits.isPlain(Array(text.utf8)), !text.contains("?"), !text.contains("*") else {
                throw element.error(
                    "is \"\(text)\", which is no plain path",
                    remedy:
                        "Begin it with \"/\"; end it with \"/\" for all below it; no \"..\", \"*\", \"?\" or \"//\".")
            }
            paths.append(text)
        }
        guard !paths.isEmpty else {
            throw error("is an empty list, which allows no request", remedy: "Name the paths, or remove it.")
        }
        return paths
    }
}
