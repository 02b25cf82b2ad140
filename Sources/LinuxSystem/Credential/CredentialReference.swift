// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// Where a secret lies. Only this is ever written down; the secret itself is read when it is used, and forgotten then.
package enum CredentialReference: Equatable, Sendable {
    /// A file that only its owner may read.
    case file(String)
    /// A variable of the environment of the process that reads it.
    case environment(String)
    /// A credential that systemd passed to the service. systemd.exec(5), LoadCredential
    case systemd(String)

    /// Reads `file:/path`, `env:NAME` or `credential:NAME`; nil for anything else.
    package init?(_ text: String) {
        guard let colon = text.firstIndex(of: ":") else { return nil }
        let value = String(text[text.index(after: colon)...])
        let isName = !value.isEmpty && value.utf8.allSatisfy(Self.isNameByte) && !value.hasPrefix(".")
        switch text[..<colon] {
        case "file" where value.hasPrefix("/"): self = .file(value)
        case "env" where isName: self = .environment(value)
        case "credential" where isName: self = .systemd(value)
        default: return nil
        }
    }

    package var text: String {
        switch self {
        case .file(let path): "file:\(path)"
        case .environment(let name): "env:\(name)"
        case .systemd(let name): "credential:\(name)"
        }
    }

    /// The environment without the secret, for programs that have no business with it.
    package func withheld(from environment: [String]) -> [String] {
        guard case .environment(let name) = self else { return environment }
        return environment.filter { !$0.hasPrefix(name + "=") }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static let longest = 65536

    /// Reads the secret.
    ///
    /// - Parameters:
    ///   - asLines: Several lines are one secret, such as a key in PEM.
    ///   - environment: Looks up a variable of this process.
    package func read(asLines: Bool = false, environment: (String) -> Secret?) throws(CredentialError) -> Secret {
        switch self {
        case .file(let path): return try readFile(path, asLines)
        case .environment(let name):
            guard let value = environment(name) else { throw error("the variable is not set") }
            return try secret(value, asLines)
        case .systemd(let name):
            let value = environment("CREDENTIALS_DIRECTORY")
            guard let directory = value?.withBytes({ String(decoding: $0, as: UTF8.self) }), directory.hasPrefix("/")
            else {
                throw error("this process got no credentials of systemd (CREDENTIALS_DIRECTORY is not set)")
            }
            return try readFile("\(directory)/\(name)", asLines)
        }
    }

    private func readFile(_ path: String, _ asLines: Bool) throws(CredentialError) -> Secret {
        do throws(SystemError) {
            let file = try Descriptor.open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW)
            let status = try FileStatus.of(file, subject: "\"\(path)\"")
            guard status.isRegular else { throw SystemError("use", path, .invalid) }
            guard status.permissions & 0o077 == 0, status.uid == geteuid() || status.uid == 0 else {
                throw SystemError("use", path, .notPermitted)
            }
            // Straight into memory that is overwritten afterwards: an array would leave a copy behind where it grew.
            let room = Secret(room: Self.longest)
            let count = try room.fill(from: file)
            guard count < room.count else { throw SystemError("use", path, .noSpace) }
            guard let text = room.text(count, asLines: asLines) else { throw SystemError("use", path, .io) }
            return text
        } catch {
            switch error.errno {
            case .notPermitted:
                throw self.error("others than its owner may read it (chmod 600), or it is somebody else's")
            case .invalid: throw self.error("it is no regular file")
            case .io: throw self.error(Self.noText)
            case .noSpace: throw self.error("it is larger than \(Self.longest) bytes")
            case let errno: throw self.error("\(errno.explanation) (\(errno))")
            }
        }
    }

    private static let noText = "it is empty, or has a control character in it"

    private func secret(_ value: Secret, _ asLines: Bool) throws(CredentialError) -> Secret {
        guard let text = value.text(value.count, asLines: asLines) else {
            throw error(Self.noText)
        }
        return text
    }

    private func error(_ reason: String) -> CredentialError { CredentialError(reference: text, reason: reason) }
}

/// Why a credential cannot be had. Never says anything of its value.
package struct CredentialError: Error, Equatable, Sendable, CustomStringConvertible {
    package let reference: String
    package let reason: String

    package var description: String {
        "cannot use credential \(reference): \(reason). Name it as file:/path, env:NAME or credential:NAME."
    }
}
