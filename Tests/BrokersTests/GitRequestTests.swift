// SPDX-License-Identifier: Apache-2.0
import Egress
import Testing
import Wire

@testable import Brokers

@Suite("requests to git.internal")
struct GitRequestTests {
    static let address = RepositoryPath("/owner/name").map {
        RepositoryAddress(host: "git.internal", port: 80, path: $0)
    }

    /// The verdict on a head.
    private func read(_ line: String, _ fields: [String] = [], host: String = "git.internal") throws
        -> Result<GitRequest, GitRequest.Refusal>
    {
        var reader = RequestHeadReader()
        let text = ([line, "Host: \(host)"] + fields).joined(separator: "\r\n") + "\r\n\r\n"
        guard case .head(let head) = reader.append(Array(text.utf8).span) else {
            throw HeadRefused(state: "\(reader.state)")
        }
        let address = try #require(Self.address)
        return Result { () throws(GitRequest.Refusal) in try address.read(head) }
    }

    struct HeadRefused: Error { let state: String }

    static let types = GitService.allCases.map { "Content-Type: application/x-\($0.rawValue)-request" }

    @Test("serves the five requests of clone, fetch and push")
    func served() throws {
        let upload = GitService.uploadPack
        for name in ["/owner/name", "/owner/name.git"] {
            #expect(
                try read("GET \(name)/info/refs?service=git-upload-pack HTTP/1.1", ["Git-Protocol: version=2"])
                    == .success(.init(service: upload, action: .advertise, version: 2, isCompressed: false)))
            #expect(
                try read("GET \(name)/info/refs?service=git-upload-pack HTTP/1.1")
                    == .success(.init(service: upload, action: .advertise, version: 0, isCompressed: false)))
            #expect(
                try read(
                    "POST \(name)/git-upload-pack HTTP/1.1",
                    [Self.types[0], "Content-Encoding: gzip", "Content-Length: 9"])
                    == .success(.init(service: upload, action: .call, version: 0, isCompressed: true)))
            #expect(
                try read("GET \(name)/info/refs?service=git-receive-pack HTTP/1.1", ["Git-Protocol: version=2"])
                    == .success(.init(service: .receivePack, action: .advertise, version: 0, isCompressed: false)))
            #expect(
                try read("POST \(name)/git-receive-pack HTTP/1.1", [Self.types[1], "Content-Length: 4"])
                    == .success(.init(service: .receivePack, action: .call, version: 0, isCompressed: false)))
        }
    }

    @Test(
        "refuses everything else that a repository could be asked",
        arguments: [
            "GET /owner/name/HEAD", "GET /owner/name/info/refs", "GET /owner/name/objects/info/packs",
            "GET /owner/name/objects/00/00000000000000000000000000000000000000",
            "GET /owner/name/info/refs?service=git-upload-archive", "POST /owner/name/git-upload-archive",
            "POST /owner/name/info/lfs/objects/batch", "GET /owner/other/info/refs?service=git-upload-pack",
            "GET /owner/name/../other/info/refs?service=git-upload-pack",
            "GET /owner/x/../name/info/refs?service=git-upload-pack",
            "GET /owner/%2e%2e/other/info/refs?service=git-upload-pack",
            "GET /owner/nam%65/info/refs?service=git-upload-pack", "GET //owner/name/info/refs?service=git-upload-pack",
            "GET /owner/name/info/refs?service=git-upload-pack&x=1",
            "GET /owner/name/info/refs?service=git-upload-pack#",
            "GET /owner/name.git.git/info/refs?service=git-upload-pack", "GET /owner/name/",
            "POST /owner/name/info/refs?service=git-upload-pack", "GET /owner/name/git-upload-pack",
            "HEAD /owner/name/info/refs?service=git-upload-pack", "get /owner/name/info/refs?service=git-upload-pack",
            "DELETE /owner/name/info/refs?service=git-upload-pack", "GET /",
            "GET /OWNER/name/info/refs?service=git-upload-pack", "POST /owner/name/git-receive-pack?x",
        ])
    func refused(_ line: String) throws {
        // A target with "#" is refused by the head's own reader.
        if line.hasSuffix("#") {
            #expect(throws: HeadRefused.self) { try read("\(line) HTTP/1.1") }
            return
        }
        guard case .failure(let refusal) = try read("\(line) HTTP/1.1") else {
            Issue.record("served: \(line)")
            return
        }
        #expect(refusal.status == .forbidden)
        #expect(refusal.reason.contains("http://git.internal/owner/name.git"))
    }

    @Test("refuses another host, and bodies of another type or coding")
    func fields() throws {
        func status(_ line: String, _ fields: [String], host: String = "git.internal") throws -> HTTPStatus? {
            if case .failure(let refusal) = try read(line, fields, host: host) { refusal.status } else { nil }
        }
        let get = "GET /owner/name/info/refs?service=git-upload-pack HTTP/1.1"
        #expect(try status(get, [], host: "other.internal") == .misdirected)
        #expect(try status(get, [], host: "git.internal:8080") == .misdirected)
        #expect(try status(get, [], host: "git.internal:80") == nil)
        let fetch = "POST /owner/name/git-upload-pack HTTP/1.1"
        let push = "POST /owner/name/git-receive-pack HTTP/1.1"
        #expect(try status(fetch, []) == .unsupportedMediaType)
        #expect(try status(fetch, [Self.types[1]]) == .unsupportedMediaType)
        #expect(try status(fetch, [Self.types[0], Self.types[0]]) == .unsupportedMediaType)
        #expect(try status(fetch, [Self.types[0], "Content-Encoding: br"]) == .unsupportedMediaType)
        #expect(try status(fetch, [Self.types[0], "Content-Encoding: gzip, gzip"]) == .unsupportedMediaType)
        #expect(try status(push, [Self.types[1], "Content-Encoding: gzip"]) == .unsupportedMediaType)
        #expect(try status(get, ["Content-Encoding: gzip"]) == .unsupportedMediaType)
    }

    @Test(
        "a repository's address has plain parts",
        arguments: ["", "x", "/", "/a/", "//a", "/a/..", "/a/.b", "/a b", "/a%2eb", "/a.git", "/a/-b", "/a/b/c/d/e"])
    func addresses(_ path: String) {
        #expect(RepositoryPath(path) == nil)
    }
}
