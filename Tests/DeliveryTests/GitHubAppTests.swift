// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import LinuxSystem
import TestSupport
import Testing
import Workspace

@testable import Delivery

extension HostNeed {
    static let openssl = HostNeed("openssl") { access("/usr/bin/openssl", X_OK) == 0 }
}

/// An App's key, its statements, and the tokens of its installation.
@Suite("github app", .timeLimit(.minutes(25)))
struct GitHubAppTests {
    private typealias Scene = GitHubScene
    private static let minted = "ghs_minted-0123456789"

    private static func openssl(_ arguments: String..., input: [UInt8] = []) throws -> [UInt8] {
        var command = Command("/usr/bin/openssl", arguments)
        command.input = input
        let done = try command.run()
        guard done.code == 0 else { throw HarnessError("openssl \(arguments): \(done.errorText)") }
        return done.output
    }

    @Test("a statement of an App is signed as openssl checks it, from either form of key", .requires(.openssl))
    func statement() throws {
        let home = try Scratch()
        let pkcs1 = try Self.openssl("genrsa", "-traditional", "2048")
        let pkcs8 = try Self.openssl("pkey", input: pkcs1)
        #expect(pkcs1.starts(with: Array("-----BEGIN RSA".utf8)) && pkcs8.starts(with: Array("-----BEGIN PRIV".utf8)))
        let publicKey = try home.file(
            "public.pem", String(decoding: try Self.openssl("pkey", "-pubout", input: pkcs1), as: UTF8.self))
        for pem in [pkcs1, pkcs8] {
            let key = try AppKey(pem: Secret(copying: pem), reference: "file:/k")
            let text = try key.statement(app: 12345, seconds: 1_790_000_000).withBytes {
                String(decoding: $0, as: UTF8.self)
            }
            let parts = text.split(separator: ".").map(String.init)
            try #require(parts.count == 3 && !text.contains("=") && !text.contains("+") && !text.contains("/"))
            func plain(_ part: String) -> [UInt8]? {
                var text = part.replacing("-", with: "+").replacing("_", with: "/")
                while text.utf8.count % 4 != 0 { text += "=" }
                return Base64.decode(text.utf8)
            }
            #expect(plain(parts[0]) == Array("{\"alg\":\"RS256\",\"typ\":\"JWT\"}".utf8))
            #expect(plain(parts[1]) == Array("{\"iat\":1789999940,\"exp\":1790000540,\"iss\":\"12345\"}".utf8))
            let signature = try #require(plain(parts[2]))
            let file = home.at("signature")
            try #require(
                signature.withUnsafeBytes { bytes in
                    let fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
                    defer { close(fd) }
                    return write(fd, bytes.baseAddress, bytes.count) == bytes.count
                })
            let checked = try Self.openssl(
                "dgst", "-sha256", "-verify", publicKey, "-signature", file,
                input: Array("\(parts[0]).\(parts[1])".utf8))
            #expect(checked == Array("Verified OK\n".utf8))
        }
    }

    @Test("what is no RSA key is one error that holds nothing of it", .requires(.openssl))
    func noKey() throws {
        let rsa = String(decoding: try Self.openssl("genrsa", "-traditional", "1024"), as: UTF8.self)
        let lines = rsa.split(separator: "\n").map(String.init)
        let elliptic = try Self.openssl("genpkey", "-algorithm", "ed25519")
        let locked = try Self.openssl("pkey", "-aes128", "-passout", "pass:x", input: Array(rsa.utf8))
        let texts = [
            [], Array("x".utf8), elliptic, locked,
            Array((lines.dropLast(2) + [lines.last!]).joined(separator: "\n").utf8),
            Array(rsa.replacing("RSA ", with: "").utf8), Array(rsa.utf8) + Array("more\n".utf8),
            Array(rsa.replacing("M", with: "!").utf8),
        ]
        for text in texts {
            let error = try #require(throws: ForgeError.self) {
                _ = try AppKey(pem: Secret(copying: text), reference: "file:/k")
            }
            #expect(error.code == .credential && error.description.contains("file:/k"))
            #expect(!error.description.contains(lines[3].prefix(16)))
        }
    }

    // MARK: Tokens

    private static func mint(_ permissions: JSON) -> ContractServer.Call {
        ContractServer.Call("POST", "/api/v3/app/installations/42/access_tokens", Scene.bearer).sending([
            "repositories": ["repo"], "permissions": permissions,
        ])
    }

    private static func token(_ permissions: JSON, repositories: JSON = [["id": 1, "full_name": "Octo/repo"]]) -> JSON {
        [
            "token": .string(minted), "expires_at": "2026-11-22T02:03:04Z", "permissions": permissions,
            "repository_selection": "selected", "repositories": repositories,
        ]
    }

    private static let writing: JSON = ["contents": "write", "pull_requests": "write", "issues": "read"]
    private static let reading: JSON = ["contents": "read", "pull_requests": "write", "issues": "read"]

    @Test("a token is for one repository and for what the task takes; its end is asked for with itself")
    func minting() throws {
        let scene = try Scene([
            Scene.call("GET", "/installation").answering(200, ["id": 42, "suspended_at": nil, "app_slug": "s"]),
            Self.mint(Self.writing).answering(
                201,
                Self.token(["metadata": "read", "issues": "read", "contents": "write", "pull_requests": "write"])),
            Self.mint(Self.reading).answering(201, Self.token(Self.reading)),
            Self.mint(["contents": "write", "pull_requests": "write", "issues": "read", "statuses": "write"]).answering(
                201, Self.token(["contents": "write", "statuses": "write"])),
            ContractServer.Call("DELETE", "/api/v3/installation/token", "Bearer \(Self.minted)").answering(204),
        ])
        let app = try scene.forge()
        let token = try app.mint(installation: nil, scope: .init(writing: true, marking: false))
        #expect(token.expires == 1_795_312_984_000)
        #expect(token.token.withBytes { String(decoding: $0, as: UTF8.self) } == Self.minted)
        _ = try app.mint(installation: 42, scope: .init(writing: false, marking: false))
        _ = try app.mint(installation: 42, scope: .init(writing: true, marking: true))
        try scene.forge(Self.minted).revoke()
        #expect(scene.isKept)
    }

    @Test("a token that allows more than was asked for is revoked and not used")
    func excess() throws {
        let answers = [
            Self.token(["contents": "write", "administration": "write"]), Self.token(["contents": "admin"]),
            Self.token(Self.writing, repositories: [["full_name": "octo/repo"], ["full_name": "octo/other"]]),
            Self.token(Self.writing, repositories: []), Self.token(nil),
        ]
        let revoke = ContractServer.Call("DELETE", "/api/v3/installation/token", "Bearer \(Self.minted)").answering(204)
        let scene = try Scene(answers.flatMap { [Self.mint(Self.writing).answering(201, $0), revoke] })
        for _ in answers {
            let error = try #require(throws: ForgeError.self) {
                try scene.forge().mint(installation: 42, scope: .init(writing: true, marking: false))
            }
            #expect(error.code == .forbidden && !error.description.contains(Self.minted), "\(error)")
        }
        #expect(scene.isKept)
    }

    @Test("a token whose answer goes on otherwise than documented is revoked and not used")
    func malformed() throws {
        func without(_ name: String, _ value: JSON?) -> JSON {
            let members = Self.token(Self.writing).objectValue ?? []
            return .object(
                members.filter { $0.name != name } + (value.map { [JSON.Member(name, $0)] } ?? []))
        }
        let answers = [
            without("expires_at", nil), without("expires_at", "tomorrow"), without("repositories", "all"),
            without("repositories", [["id": 1]]), without("permissions", "all"),
        ]
        let revoke = ContractServer.Call("DELETE", "/api/v3/installation/token", "Bearer \(Self.minted)").answering(204)
        let scene = try Scene(answers.flatMap { [Self.mint(Self.writing).answering(201, $0), revoke] })
        for answer in answers {
            let error = try #require(throws: ForgeError.self) {
                try scene.forge().mint(installation: 42, scope: .init(writing: true, marking: false))
            }
            #expect(error.code == .malformed && !error.description.contains(Self.minted), "\(error) \(answer)")
            #expect(error.description.contains("was revoked"), "\(error)")
        }
        #expect(scene.isKept)
    }

    @Test("one that cannot be revoked either is told with the time that it has left")
    func stays() throws {
        let scene = try Scene([
            Self.mint(Self.writing).answering(201, Self.token(["administration": "write"])),
            ContractServer.Call("DELETE", "/api/v3/installation/token", "Bearer \(Self.minted)").answering(
                403, ["message": "no"]),
        ])
        let error = try #require(throws: ForgeError.self) {
            try scene.forge().mint(installation: 42, scope: .init(writing: true, marking: false))
        }
        #expect(error.code == .forbidden && error.description.contains("it allows more than was asked for"))
        #expect(error.description.contains("could not be revoked (FORGE_FORBIDDEN)") && scene.isKept, "\(error)")
        #expect(!error.description.contains(Self.minted))
    }

    @Test("an App that is not installed, suspended, or without a permission is one clear error")
    func unusable() throws {
        let look = Scene.call("GET", "/installation")
        let scene = try Scene([
            look.answering(404, ["message": "Not Found"]),
            look.answering(200, ["id": 42, "suspended_at": "2026-01-02T03:04:05Z"]),
            look.answering(401, ["message": "A JSON web token could not be decoded"]),
            look.answering(200, ["id": 42]),
            Self.mint(Self.writing).answering(
                422, ["message": "The permissions requested are not granted to this installation."]),
        ])
        for (code, words) in [
            (ForgeError.Code.notFound, "the App is not installed there"), (.forbidden, "it is suspended"),
            (.credential, "could not be decoded"), (.forbidden, "does not have the permissions"),
        ] {
            let error = try #require(throws: ForgeError.self) {
                try scene.forge().mint(installation: nil, scope: .init(writing: true, marking: false))
            }
            #expect(error.code == code && error.description.contains(words), "\(error)")
        }
        #expect(scene.isKept)
    }
}
