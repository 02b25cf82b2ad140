// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Glibc
package import LinuxSystem
package import Policy
package import Wire

/// The repository that a session finds at git.internal, as a file describes it.
///
///     {"version": 1, "repository": "/owner/name", "mirror": "/…/mirror.git", "quarantine": "/…/quarantine.git",
///      "push": "refs/heads/agent/*"}
///
/// Without `push` nothing may be pushed. Both directories were made by `sallyport task repository`.
package struct GitAccess: Sendable, Equatable {
    package let repository: RepositoryPath
    package let mirror: String
    package let quarantine: String
    package let push: PushScope

    private static let longest = 65536
    private static let known: Set<String> = ["version", "repository", "mirror", "quarantine", "push"]

    package init(file: String) throws(SystemError) {
        let bytes = try Descriptor.open(file, O_RDONLY | O_NONBLOCK).readAll(
            limit: Self.longest, subject: "\"\(file)\"")
        let json: JSON
        do { json = try JSON.read(bytes, file: file) } catch {
            throw Self.unreadable(file, "it is no JSON")
        }
        guard let members = json.objectValue else { throw Self.unreadable(file, "it is no object") }
        if let stranger = members.first(where: { !Self.known.contains($0.name) }) {
            throw Self.unreadable(file, "it has the unknown member \"\(stranger.name)\"")
        }
        guard Set(members.map(\.name)).count == members.count else {
            throw Self.unreadable(file, "a member is there twice")
        }
        guard json["version"] == 1 else { throw Self.unreadable(file, "its version is not 1") }
        func text(_ name: String) throws(SystemError) -> String {
            guard let value = json[name]?.stringValue, !value.isEmpty else {
                throw Self.unreadable(file, "it has no \"\(name)\"")
            }
            return value
        }
        mirror = try text("mirror")
        quarantine = try text("quarantine")
        for path in [mirror, quarantine] where !path.hasPrefix("/") {
            throw Self.unreadable(file, "\"\(path)\" does not begin with \"/\"")
        }
        guard let repository = RepositoryPath(try text("repository")) else {
            throw Self.unreadable(file, "its \"repository\" is no plain path such as /owner/name")
        }
        self.repository = repository
        guard let wanted = json["push"] else {
            push = .nothing
            return
        }
        guard let scope = wanted.stringValue.flatMap({ PushScope($0) }) else {
            throw Self.unreadable(
                file, "its \"push\" is neither one branch (refs/heads/x) nor those of one directory (refs/heads/x/*)")
        }
        push = scope
    }

    /// The same from parts that were read already.
    package init(repository: RepositoryPath, mirror: String, quarantine: String, push: PushScope) {
        self.repository = repository
        self.mirror = mirror
        self.quarantine = quarantine
        self.push = push
    }

    private static func unreadable(_ file: String, _ reason: String) -> SystemError {
        SystemError("read", "\"\(file)\": \(reason)", .invalid, remedy: "Let `sallyport task repository` write it.")
    }
}

extension RunRequest {
    /// The names that the session's own brokers answer.
    package var virtualHosts: [VirtualHost] {
        (git == nil ? [] : [.repository]) + (model == nil ? [] : [.model]) + (forge == nil ? [] : [.forge])
            + (packages == nil ? [] : [.packages])
    }

    /// What may leave the session, its own hosts included.
    func egressPolicy() throws(SystemError) -> EgressPolicy {
        guard !virtualHosts.isEmpty else { return profile.egress }
        do throws(PolicyError) {
            if let service = packages?.service, let refusal = profile.egress.wayAround(service) { throw refusal }
            return try profile.egress.serving(virtualHosts)
        } catch {
            throw SystemError(
                error.operation, "profile \"\(profile.name)\": \(error.message)", .invalid, remedy: error.remedy)
        }
    }
}
