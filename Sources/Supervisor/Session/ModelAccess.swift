// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import LinuxSystem
package import Policy

/// The models that a session finds at llm.internal: a file of the operator's, its prices, and where the secrets lie.
package struct ModelAccess: Sendable {
    package private(set) var service: ModelService
    /// The secrets' places, in the order of the service's upstreams and of each one's own.
    package let credentials: [CredentialReference]
    package let prices: (file: String, text: String)

    private static let longest = 256 << 10

    /// Reads the file that `--model` names, and the table of prices that belongs to it; no secret yet.
    package init(file: String, _ profiles: ProfileFiles) throws {
        let service = try ModelService(Self.read(file, what: "model file "), file: file)
        var credentials: [CredentialReference] = []
        for upstream in service.upstreams {
            for credential in upstream.authorization.credentials {
                guard let reference = CredentialReference(credential) else {
                    throw PolicyError(
                        "a credential of \(upstream.api.rawValue) is none of file:/path, env:NAME and credential:NAME",
                        file: file, remedy: "Name where the secret lies, never the secret itself.", operation: "read")
                }
                credentials.append(reference)
            }
        }
        let table = service.prices ?? profiles.modelPrices
        guard let text = String(validating: try Self.read(table, what: "price table "), as: UTF8.self) else {
            throw PolicyError("it is no UTF-8", file: table, remedy: "Save it as UTF-8.", operation: "read")
        }
        self.service = service
        self.credentials = credentials
        prices = (table, text)
    }

    /// The same from what a client read: its service, whose secrets are handed over beside it, and its prices.
    package init(
        _ service: ModelService, credentials: [CredentialReference], prices: (file: String, text: String)
    ) {
        self.service = service
        self.credentials = credentials
        self.prices = prices
    }

    /// Who may spend what is decided here, so nobody but root and the caller may have written it.
    private static func read(_ path: String, what: String) throws(SystemError) -> [UInt8] {
        try TrustedFile.open(path, what: what).readAll(limit: longest, subject: "\"\(path)\"")
    }

    /// Puts another amount in the place of the file's; false for a text that is none.
    package mutating func setBudget(_ dollars: String) -> Bool {
        guard let amount = Money.microDollars(dollars), ModelService.budgets.contains(amount) else { return false }
        service.budget = amount
        return true
    }

    package mutating func setTurns(_ text: String) -> Bool {
        guard let number = UInt64(text), ModelService.turnCounts.contains(number), String(number) == text else {
            return false
        }
        service.turns = number
        return true
    }
}
