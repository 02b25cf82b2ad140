// SPDX-License-Identifier: Apache-2.0
internal import Glibc

extension HostNeed {
    /// A real server for git over TLS.
    package static let forge = HostNeed("forge") {
        let programs = ["/usr/sbin/nginx", "/usr/bin/openssl", "/usr/bin/python3", "/usr/bin/git"]
        return programs.allSatisfy { access($0, X_OK) == 0 }
    }
}

/// git http-backend behind nginx with TLS, for one password that is nowhere but in a file of the operator.
///
/// Places are those of Tests/Fixtures/network-clients/upstream.py; its one repository is name.git.
package final class UpstreamServer: Sendable {
    package let port: String
    /// Unlike any other bytes on this machine.
    package let secret: String
    /// Where it lies, as an operator says it.
    package let credential: String
    /// The bare repository behind it.
    package let repository: String
    private let directory: String
    private let server: Running

    /// Serves a copy of a repository.
    package init(_ home: Scratch, cloneOf source: String) throws {
        let random = try Command("/usr/bin/head", ["-c", "24", "/dev/urandom"]).run().output
        secret = "canary" + random.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        credential = "file:\(try home.file("token", secret + "\n", mode: 0o600))"
        directory = try home.directory("forge")
        repository = try home.directory("forge/repositories") + "/name.git"
        var clone = Command(
            "/usr/bin/git", ["-c", "safe.directory=*", "clone", "--quiet", "--bare", source, repository])
        clone.environment = ["PATH": "/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"]
        let cloned = try clone.run()
        guard cloned.code == 0 else { throw HarnessError("git clone: \(cloned.errorText)") }
        var digest = Command("/usr/bin/python3", ["-c", Self.digest])
        digest.input = Array(secret.utf8)
        let users = try digest.run().text
        var command = Command(
            "/usr/bin/python3",
            ["-B", "\(Executables.sources)/Tests/Fixtures/network-clients/upstream.py", directory, users])
        command.deadline = .seconds(110)
        server = try command.start()
        guard let port = try server.line() else {
            throw HarnessError("the forge did not start: \(try server.finish().errorText)")
        }
        self.port = port
    }

    deinit {
        // Waited for, since it is what ends nginx.
        do { try stop() } catch { print("note: \(error)") }
    }

    private static let digest = """
        import base64, hashlib, sys
        print(base64.b64encode(hashlib.sha1(sys.stdin.buffer.read()).digest()).decode(), end="")
        """

    package func url(_ place: String) -> String { "https://localhost:\(port)/\(place)" }

    /// Options that make it trusted.
    package var authority: [String] { ["--ca-file", "\(directory)/ca.pem"] }

    /// The secret, and the form in which it is sent.
    package var forms: [String] {
        get throws {
            var encode = Command(
                "/usr/bin/python3",
                [
                    "-c",
                    "import base64,sys; print(base64.b64encode(b'x-access-token:'+sys.stdin.buffer.read()).decode())",
                ])
            encode.input = Array(secret.utf8)
            return [secret] + (try encode.run().lines.prefix(1))
        }
    }

    /// What nginx saw, each with method, target, status and the bytes of its answer; all of it once the server is stopped.
    package var requests: [String] {
        (text("\(directory)/requests.log") ?? "").split(separator: "\n").map(String.init)
    }

    /// Ends it; nothing listens at its port any more.
    package func stop() throws {
        server.closeInput()
        _ = try server.finish()
    }
}
