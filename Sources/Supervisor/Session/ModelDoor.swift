// SPDX-License-Identifier: Apache-2.0
internal import Documents
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
        _ access: ModelAccess, session: String, _ correlation: CorrelationID?, _ directory: borrowing Directory,
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
            sealed.append(secrets.keep(try SealedDocument.make(secret, name: "secret")))
        }
        for reference in access.credentials { environment.forget(reference) }
        let start = ModelStart(options: options, correlation: correlation, secrets: access.credentials.count)
        try begin(start) { connections in
            [document.number, connections] + files.numbers + sealed
        }
    }
}
