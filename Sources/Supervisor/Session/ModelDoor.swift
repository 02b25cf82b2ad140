// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Policy
internal import Wire

/// The files of a session that its model broker writes.
enum ModelFiles {
    /// One line for each request: what it was, what it used, what it cost.
    static let ledger = "model.jsonl"
    /// What was said, without what looks like a secret.
    static let transcript = "model-transcript.jsonl"
    /// The same to the byte, which a replay is made from: nobody's but root's, and copied nowhere.
    static let record = "model-record.jsonl"
}

/// One session's model broker: the only process with the secrets of the upstreams.
typealias ModelDoor = BrokerDoor<ModelServing>

extension ModelDoor {
    /// Hands over what is served and the secrets, which are read here and overwritten, also where the caller had put them
    /// into variables; ``ready()`` comes next.
    func begin(
        _ access: ModelAccess, session: String, _ directory: borrowing Directory,
        hosts: [EgressConfiguration.HostLine], environment: CallerEnvironment, options: BrokerOptions
    ) throws(SystemError) {
        let configuration = ModelConfiguration(
            session: session, hosts: hosts, service: access.service, prices: access.prices.text,
            pricesFile: access.prices.file)
        let document = try SealedDocument.make(configuration.json, name: "model configuration")
        let files = try BrokerFiles(directory, [ModelFiles.ledger, ModelFiles.transcript, ModelFiles.record])
        let secrets = DescriptorSet()
        var sealed: [Int32] = []
        for reference in access.credentials {
            let secret: Secret
            do throws(CredentialError) { secret = try environment.secret(reference) } catch {
                throw SystemError("serve", "models", .accessDenied, remedy: error.description)
            }
            sealed.append(secrets.keep(try Self.sealed(secret)))
        }
        for reference in access.credentials { environment.forget(reference) }
        try begin(ModelStart(options: options, secrets: access.credentials.count)) { connections in
            [document.number, connections] + files.numbers + sealed
        }
    }

    /// A secret as a file in memory that only its receiver has. memfd_create(2), F_ADD_SEALS
    private static func sealed(_ secret: Secret) throws(SystemError) -> Descriptor {
        let file = Descriptor(owning: Int32(try checked("make", "a file in memory") { sp_memfd("secret") }))
        let fd = file.number
        let wrote = try checked("write", "a file in memory") {
            secret.withBytes { sp_write(fd, $0.baseAddress!, $0.count) }
        }
        guard wrote == secret.count else { throw SystemError("write", "a file in memory", .noSpace) }
        try checked("seal", "a file in memory") { sp_add_seals(fd) }
        try checked("rewind", "a file in memory") { Int(lseek(fd, 0, SEEK_SET)) }
        return file
    }
}
