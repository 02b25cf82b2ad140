// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem
internal import Policy

/// Reads package clients' configuration as this host has it.
package enum RegistryFiles {
    /// The registries of this host for a caller with this environment.
    ///
    /// A file counts only when root or the caller owns it and nobody else can write it, since whoever writes it decides
    /// where sessions may connect to.
    package static func registries(environment: @escaping (String) -> String?) -> Registries {
        Registries(
            read: { path throws(PolicyError) in try text(path) }, list: { path throws(PolicyError) in try names(path) },
            environment: environment)
    }

    private static func text(_ path: String) throws(PolicyError) -> String? {
        do throws(SystemError) {
            let file: Descriptor
            do throws(SystemError) { file = try TrustedFile.open(path, followsLinks: true) } catch {
                // What the caller cannot read, its own clients cannot read either.
                if [.noEntry, .notDirectory, .accessDenied].contains(error.errno) { return nil }
                throw error
            }
            let bytes = try file.readAll(limit: 262_144, subject: "\"\(path)\"")
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw SystemError("read", "\"\(path)\"", .invalid, remedy: "It is not UTF-8 text.")
            }
            return text
        } catch { throw refused(path, error) }
    }

    private static func names(_ path: String) throws(PolicyError) -> [String] {
        do throws(SystemError) {
            let directory: Directory
            do throws(SystemError) { directory = try Directory.open(path) } catch {
                if [.noEntry, .notDirectory, .accessDenied].contains(error.errno) { return [] }
                throw error
            }
            return try directory.names().map { String(decoding: $0, as: UTF8.self) }.sorted()
        } catch { throw refused(path, error) }
    }

    private static func refused(_ path: String, _ cause: SystemError) -> PolicyError {
        PolicyError(
            cause.explanationLine, file: path, remedy: cause.remedy ?? "Check the path.",
            operation: "read registries of")
    }
}
