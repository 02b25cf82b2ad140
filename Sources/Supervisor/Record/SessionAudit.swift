// SPDX-License-Identifier: Apache-2.0
package import Documents
internal import Glibc
package import Isolation
package import LinuxSystem
package import Policy

/// What a session left behind about its network, opened and not read: a process without privilege reads it, see
/// ``ConfinedReader``.
package struct SessionAudit: ~Copyable {
    /// `audit.jsonl`. Its writer had read bytes of the sandbox.
    package let file: Descriptor
    /// The policies of its generations as this program wrote them: an object of texts, by generation.
    package let policies: JSON

    package static func open(_ session: SessionID, _ paths: HostPaths) throws(SystemError) -> SessionAudit {
        let directory = try directory(session, paths)
        guard try directory.contains("audit.jsonl") else {
            throw SystemError(
                "read", "the audit of session \(session)", .noEntry,
                remedy: "Its profile lets nothing out, so there was nothing to decide.")
        }
        var policies: [JSON.Member] = []
        for name in try directory.names() {
            guard let generation = generation(String(decoding: name, as: UTF8.self)) else { continue }
            let text = try directory.read(policyFile(generation), limit: longestPolicy)
            policies.append(.init("\(generation)", .text(text)))
        }
        return SessionAudit(
            file: try directory.open("audit.jsonl", O_RDONLY | O_NOFOLLOW), policies: .object(policies))
    }

    /// The policy that a session began with; nil when it is not kept. This program wrote it, from the operator's files.
    package static func firstPolicy(_ session: SessionID, _ paths: HostPaths) throws(SystemError) -> EgressPolicy? {
        let directory = try directory(session, paths)
        guard try directory.contains(policyFile(1)) else { return nil }
        return try policy(try directory.read(policyFile(1), limit: longestPolicy), generation: 1)
    }

    private init(file: consuming Descriptor, policies: JSON) {
        self.file = file
        self.policies = policies
    }

    private static let longestPolicy = 4 << 20

    static func policyFile(_ generation: Int) -> String { "egress-\(generation).json" }

    private static func generation(_ name: String) -> Int? {
        let generation = name.split(separator: "-").last?.split(separator: ".").first.flatMap { Int($0) }
        return generation.flatMap { policyFile($0) == name ? $0 : nil }
    }

    static func policy(_ text: [UInt8], generation: Int) throws(SystemError) -> EgressPolicy {
        let name = policyFile(generation)
        do { return try EgressConfiguration(json: try JSON.read(text, file: name)).policy } catch {
            throw SystemError("read", "\"\(name)\"", .invalid, remedy: "\(error)")
        }
    }

    private static func directory(_ session: SessionID, _ paths: HostPaths) throws(SystemError) -> Directory {
        do throws(SystemError) { return try Directory.open(paths.sessions + "/" + session.text) } catch {
            guard error.errno == .noEntry else { throw error }
            throw SystemError(
                "find", "session \(session)", .noEntry,
                remedy: "`sallyport session list` shows those that sweep has not removed.")
        }
    }
}
