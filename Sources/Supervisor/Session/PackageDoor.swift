// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import LinuxSystem
internal import Policy
internal import Wire

/// The file of a session that its package broker writes.
enum PackageFiles {
    /// One line for each request: whose package it was for, and what became of it.
    static let ledger = "packages.jsonl"
}

/// One session's package broker, with the credentials of its indexes.
typealias PackageDoor = BrokerDoor<PackageServing>

extension PackageDoor {
    /// Hands over what is served and the secrets, which are read here and overwritten, also where the caller had put them
    /// into variables; ``ready()`` comes next.
    func begin(
        _ access: PackageAccess, session: String, _ correlation: CorrelationID?, _ directory: borrowing Directory,
        hosts: [EgressConfiguration.HostLine], environment: CallerEnvironment, options: BrokerOptions
    ) throws(SystemError) {
        let configuration = PackageConfiguration(
            session: session, correlation: correlation, hosts: hosts, service: access.service)
        let document = try SealedDocument.make(configuration.json, name: "package configuration")
        let files = try BrokerFiles(directory, [PackageFiles.ledger])
        let secrets = DescriptorSet()
        var sealed: [Int32] = []
        for reference in access.credentials {
            let secret: Secret
            do throws(CredentialError) { secret = try environment.secret(reference) } catch {
                throw SystemError("serve", "packages", .accessDenied, remedy: error.description)
            }
            sealed.append(secrets.keep(try SealedDocument.make(secret, name: "secret")))
        }
        for reference in access.credentials { environment.forget(reference) }
        try begin(PackageStart(options: options, secrets: access.credentials.count)) { connections in
            [document.number, connections] + files.numbers + sealed
        }
    }
}
