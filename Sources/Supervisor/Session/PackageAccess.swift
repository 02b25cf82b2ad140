// SPDX-License-Identifier: Apache-2.0
package import LinuxSystem
package import Policy

/// The indexes that a session finds behind packages.internal: a file of the operator's, and where the secrets lie.
package struct PackageAccess: Sendable {
    package let service: PackageService
    /// The secrets' places, in the order of the indexes that have one.
    package let credentials: [CredentialReference]

    private static let longest = 256 << 10

    /// Reads the file that `--packages` names; no secret yet. Where packages come from is decided here, so nobody but root
    /// and the caller may have written it.
    package init(file: String) throws {
        let bytes = try TrustedFile.open(file, what: "package file ").readAll(
            limit: Self.longest, subject: "\"\(file)\"")
        let service = try PackageService(bytes, file: file)
        var credentials: [CredentialReference] = []
        for index in service.indexes {
            guard let credential = index.credential else { continue }
            guard let reference = CredentialReference(credential) else {
                throw PolicyError(
                    "the credential of index \"\(index.name)\" is none of file:/path, env:NAME and credential:NAME",
                    file: file, remedy: "Name where the secret lies, never the secret itself.", operation: "read")
            }
            credentials.append(reference)
        }
        self.service = service
        self.credentials = credentials
    }

    /// By these, clients inside ask the one place that answers; no other would.
    static let variables = [
        ("PIP_INDEX_URL", "http://packages.internal/simple/"), ("PIP_TRUSTED_HOST", "packages.internal"),
        ("UV_DEFAULT_INDEX", "http://packages.internal/simple/"),
    ]
}
