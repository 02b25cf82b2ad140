// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem

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
    package func read(asLines: Bool = false, environment: (String) -> String?) throws(CredentialError) -> Secret {
        switch self {
        case .file(let path): return try readFile(path, asLines)
        case .environment(let name):
            guard let value = environment(name) else { throw error("the variable is not set") }
            return try secret(Array(value.utf8), asLines)
        case .systemd(let name):
            guard let directory = environment("CREDENTIALS_DIRECTORY"), directory.hasPrefix("/") else {
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
            let bytes = try file.readAll(limit: Self.longest, subject: "the credential")
            do throws(CredentialError) { return try secret(bytes, asLines) } catch {
                throw SystemError("use", path, .io)
            }
        } catch {
            switch error.errno {
            case .notPermitted:
                throw self.error("others than its owner may read it (chmod 600), or it is somebody else's")
            case .invalid: throw self.error("it is no regular file")
            case .io: throw self.error("it is empty, or has a control character in it")
            case let errno: throw self.error("\(errno.explanation) (\(errno))")
            }
        }
    }

    /// One line of printable characters; an editor's line end is not part of it.
    private func secret(_ bytes: [UInt8], _ asLines: Bool) throws(CredentialError) -> Secret {
        let line = bytes.last == 0x0A ? bytes.dropLast() : bytes[...]
        let isText = line.allSatisfy { $0 >= 0x20 && $0 != 0x7F || asLines && ($0 == 0x0A || $0 == 0x0D) }
        guard !line.isEmpty, isText else {
            throw error("it is empty, or has a control character in it")
        }
        return Secret(line)
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

/// The bytes of a credential, overwritten when nobody needs them any more.
package final class Secret: CustomStringConvertible, CustomReflectable {
    // Not Sendable: it is read and used in one place.
    private let memory: UnsafeMutableRawBufferPointer

    /// Of bytes that are no secret, where one is wanted.
    package convenience init(copying bytes: [UInt8]) { self.init(bytes) }

    init(_ bytes: some Collection<UInt8>) {
        memory = .allocate(byteCount: bytes.count, alignment: 1)
        memory.copyBytes(from: bytes)
    }

    deinit {
        // One that the optimiser may not leave out. explicit_bzero(3)
        if let start = memory.baseAddress { explicit_bzero(start, memory.count) }
        memory.deallocate()
    }

    package var count: Int { memory.count }

    package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        body(UnsafeRawBufferPointer(memory))
    }

    package var description: String { "<a secret>" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

extension Secret {
    /// git's configuration that sends this secret, with a user's name, to one origin and nowhere else.
    ///
    /// - SeeAlso: git-config(1), http.extraHeader; RFC 7617.
    package func configuration(user: String, origin: String) -> Secret {
        let pair = Secret(Array("\(user):".utf8) + [UInt8](repeating: 0, count: count))
        let start = pair.count - count
        for index in 0..<count { pair.memory[start + index] = memory[index] }
        let head = Array("[http \"\(origin)/\"]\n\textraHeader = \"Authorization: Basic ".utf8)
        let tail = Array("\"\n".utf8)
        let result = Secret(head + [UInt8](repeating: 0, count: Base64.length(of: pair.count)) + tail)
        var place = head.count
        Base64.encode(pair.memory) {
            result.memory[place] = $0
            place += 1
        }
        return result
    }
}
