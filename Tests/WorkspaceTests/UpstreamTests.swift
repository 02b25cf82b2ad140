// SPDX-License-Identifier: Apache-2.0
import Foundation
import LinuxSystem
import Testing

@testable import Workspace

@Suite("upstreams")
struct UpstreamTests {
    @Test(
        "a URL in plain parts, and what is left out of its record",
        arguments: [
            ("https://Forge.example/owner/name.git", "https://forge.example/owner/name.git", nil as String?),
            ("HTTPS://forge.example:8443/a/", "https://forge.example:8443/a", nil),
            ("https://bot@forge.example/a", "https://forge.example/a", "bot"),
            ("http://127.0.0.1:80/a%20b", "http://127.0.0.1:80/a%20b", nil),
            ("https://[2001:db8::1]:8443/a", "https://[2001:db8::1]:8443/a", nil),
        ])
    func urls(_ text: String, _ shown: String, _ user: String?) throws {
        let upstream = try Upstream(text)
        #expect(upstream.text == shown)
        guard case .remote(let url) = upstream else {
            Issue.record("no URL: \(upstream)")
            return
        }
        #expect(url.user == user)
        // Who asks makes no difference to what is there.
        #expect(upstream.key == (try Upstream(shown)).key)
    }

    @Test("a directory is a path, and each upstream has a copy of its own")
    func paths() throws {
        #expect(try Upstream("/srv/git/a.git") == .local("/srv/git/a.git"))
        let keys = try ["/a", "/b", "https://a.test/a", "http://a.test/a", "https://a.test/a.git"].map {
            try Upstream($0).key
        }
        #expect(Set(keys).count == keys.count)
        #expect(keys.allSatisfy { $0.count == 40 && $0.allSatisfy(\.isHexDigit) })
    }

    @Test(
        "anything else is refused",
        arguments: [
            ("ssh://git@forge.example/a", UpstreamFlaw.scheme), ("git@forge.example:a/b", .scheme),
            ("file:///a", .scheme), ("ext::sh -c id", .path), ("ftp://a/b", .scheme), ("", .scheme),
            ("https://user:secret@forge.example/a", .password),  // not a secret
            ("https://:x@forge.example/a", .password),
            ("https:///a", .host), ("https://-a/b", .host), ("https://a..b/c", .host), ("https://a_b/c", .host),
            ("https://@a/b", .host), ("https://[::1/b", .host), ("https://a$b/c", .host),
            ("https://a:0/b", .port), ("https://a:70000/b", .port), ("https://a:/b", .port), ("https://a:x/b", .port),
            ("https://a", .path), ("https://a/", .path), ("https://a/b?c", .path), ("https://a/b#c", .path),
            ("https://a/../b", .path), ("https://a/b\nc", .path), ("https://a/b c", .path), ("https://a/b\\c", .path),
            ("https://a/\(String(repeating: "x", count: 1100))", .path),
        ])
    func refused(_ text: String, _ flaw: UpstreamFlaw) {
        #expect(throws: flaw) { try Upstream(text) }
    }
}

@Suite("credentials by reference")
struct CredentialTests {
    @Test("three kinds of reference, and nothing else")
    func references() {
        #expect(CredentialReference("file:/etc/token") == .file("/etc/token"))
        #expect(CredentialReference("env:TOKEN") == .environment("TOKEN"))
        #expect(CredentialReference("credential:forge.token") == .systemd("forge.token"))
        for text in [
            "", "token", "file:", "file:relative", "env:", "env:A B", "credential:../x", "credential:a/b",
            "credential:.x", "ghp_0123456789", "https://x", "FILE:/x",
        ] { #expect(CredentialReference(text) == nil, "\(text)") }
    }

    private func text(_ secret: Secret) -> String { secret.withBytes { String(decoding: $0, as: UTF8.self) } }

    @Test("a file that only its owner reads, without the line's end")
    func files() throws {
        let scratch = try Scratch()
        let path = "\(scratch.path)/token"
        try scratch.write("token", Array("s3cret\n".utf8))
        #expect(chmod(path, 0o600) == 0)
        #expect(text(try CredentialReference.file(path).read { _ in nil }) == "s3cret")
        #expect(chmod(path, 0o640) == 0)
        #expect(throws: CredentialError.self) { try CredentialReference.file(path).read { _ in nil } }
        #expect(chmod(path, 0o600) == 0)
        for content in ["", "\n", "a\nb", "a\u{0}b"] {
            try scratch.write("token", Array(content.utf8))
            #expect(throws: CredentialError.self) { try CredentialReference.file(path).read { _ in nil } }
        }
        #expect(symlink(path, path + ".link") == 0)
        #expect(throws: CredentialError.self) { try CredentialReference.file(path + ".link").read { _ in nil } }
        #expect(throws: CredentialError.self) { try CredentialReference.file(scratch.path).read { _ in nil } }
        #expect(throws: CredentialError.self) { try CredentialReference.file(path + ".none").read { _ in nil } }
    }

    @Test("variables, and what systemd passes")
    func environment() throws {
        let scratch = try Scratch()
        try scratch.write("forge", Array("from systemd".utf8))
        #expect(chmod("\(scratch.path)/forge", 0o400) == 0)
        let values = ["TOKEN": "from here", "CREDENTIALS_DIRECTORY": scratch.path].mapValues {
            Secret(copying: Array($0.utf8))
        }
        #expect(text(try CredentialReference.environment("TOKEN").read { values[$0] }) == "from here")
        #expect(text(try CredentialReference.systemd("forge").read { values[$0] }) == "from systemd")
        #expect(throws: CredentialError.self) { try CredentialReference.environment("OTHER").read { values[$0] } }
        #expect(throws: CredentialError.self) { try CredentialReference.systemd("forge").read { _ in nil } }
    }

    @Test("no error and no description says anything of the secret")
    func silence() throws {
        let scratch = try Scratch()
        try scratch.write("token", Array("s3cret\u{1}".utf8))
        let path = "\(scratch.path)/token"
        #expect(chmod(path, 0o600) == 0)
        do {
            _ = try CredentialReference.file(path).read { _ in nil }
            Issue.record("a credential with a control character was taken")
        } catch { #expect(!"\(error)".contains("s3cret")) }
        let secret = Secret(copying: Array("s3cret".utf8))
        #expect("\(secret)" == "<a secret>" && String(reflecting: secret) == "<a secret>")
        var dumped = ""
        dump(secret, to: &dumped)
        #expect(!dumped.contains("115") && !dumped.contains("s3cret"))
    }

    @Test("git's configuration sends it to one origin", arguments: ["", "a", "ab", "abc", "abcd", "p\u{e4}ss:w=rd"])
    func configuration(_ password: String) throws {
        let secret = Secret(copying: Array(password.utf8))
        let encoded = Data("me:\(password)".utf8).base64EncodedString()
        #expect(
            text(secret.configuration(user: "me", origin: "https://forge.example:8443"))
                == "[http \"https://forge.example:8443/\"]\n\textraHeader = \"Authorization: Basic \(encoded)\"\n")
    }
}

@Suite("traces of transfers")
struct TransferTraceTests {
    private func uses(_ text: String) -> [TransferUse] {
        var whole = TransferTrace()
        whole.append(Array(text.utf8))
        var single = TransferTrace()
        for byte in text.utf8 { single.append([byte]) }
        #expect(single.uses == whole.uses)
        return whole.uses
    }

    @Test("each request with its answer")
    func requests() {
        let text = """
            12:34:56.1 http.c:756              => Send header, 0000000300 bytes (0x0000012c)
            12:34:56.1 http.c:768              => Send header: GET /a/info/refs?service=git-upload-pack HTTP/1.1
            12:34:56.1 http.c:768              => Send header: Authorization: Basic <redacted>
            12:34:56.2 http.c:768              <= Recv header: HTTP/1.1 401 Unauthorized
            12:34:56.2 http.c:768              <= Recv header: content-length: 179
            12:34:56.3 http.c:768              => Send header: POST /a/git-upload-pack HTTP/1.1
            12:34:56.4 http.c:768              <= Recv header: HTTP/1.1 100 Continue
            12:34:56.5 http.c:768              <= Recv header: HTTP/1.1 200 OK
            12:34:56.6 http.c:768              => Send header: GET /b HTTP/1.1

            """
        #expect(
            uses(text) == [
                TransferUse(method: "GET", target: "/a/info/refs?service=git-upload-pack", status: 401, bytes: 179),
                TransferUse(method: "POST", target: "/a/git-upload-pack", status: 200),
                TransferUse(method: "GET", target: "/b", status: nil),
            ])
    }

    @Test("what a server makes of it is bounded, and never a request")
    func hostile() {
        let long = String(repeating: "x", count: 100_000)
        #expect(uses("<= Recv header: HTTP/1.1 200 OK\n").isEmpty)
        #expect(uses("<= Recv header: X: => Send header: GET /forged HTTP/1.1 \(long)\n").isEmpty)
        #expect(uses("<= Recv header: X: => Send header: GET /forged HTTP/1.1\n").isEmpty)
        let own = "=> Send header: GET /a HTTP/1.1\n=> Send header: X: <= Recv header: HTTP/1.1 200 OK\n"
        #expect(uses(own) == [TransferUse(method: "GET", target: "/a", status: nil)])
        #expect(uses("=> Send header: GET /a HTTP/1.1\n<= Recv header: Content-Length: -1\n").first?.bytes == nil)
        #expect(uses("=> Send header: GET /\(long) HTTP/1.1\n").isEmpty)
        #expect(uses("=> Send header: GET /\u{1b}[2J HTTP/1.1\n").first?.target == "/\\x1b[2J")
        #expect(uses(String(repeating: "=> Send header: GET / HTTP/1.1\n", count: 5000)).count == 1000)
    }
}

@Suite("lists of references")
struct ReferenceListTests {
    @Test("come back as they were written, and leave what follows")
    func roundTrip() throws {
        let scratch = try Scratch()
        let id = try #require(ObjectID(String(repeating: "a", count: 40)))
        for list in [
            ReferenceList(head: nil, references: [:]),
            ReferenceList(head: "refs/heads/main", references: ["refs/heads/main": id, "refs/tags/v\u{e4}1": id]),
        ] {
            try scratch.write("list", list.encoded + Array("PACK".utf8))
            let file = try scratch.open("list")
            #expect(try ReferenceList(from: file) == list)
            #expect(try file.readAll(limit: 100, subject: "the rest") == Array("PACK".utf8))
        }
    }

    @Test(
        "are strict",
        arguments: [
            "", "5", "x\nHEAD -\n", "7\nHEAD -", "100\nHEAD -\n", "0\n", "7\nHEAX -\n", "14\nHEAD refs/x/y\n",
            "54\nHEAD -\n0000000000000000000000000000000000000000 refs/x\n", "9\nHEAD -\nx\n", "-1\n", "99999999999\n",
        ])
    func strict(_ text: String) throws {
        let scratch = try Scratch()
        try scratch.write("list", Array(text.utf8))
        #expect(throws: GitError.self) { try ReferenceList(from: try scratch.open("list")) }
    }
}
