// SPDX-License-Identifier: Apache-2.0
import Brokers
import Documents
import Egress
import Policy
import Testing

@Suite("pages of a package index")
struct SimplePageTests {
    private static let origin = "https://index.example"

    private static func place(_ upstream: String = "\(origin)/simple", _ name: String = "acme-tool") throws
        -> PackageLocation
    {
        PackageLocation(try #require(PackageName(name)), at: try ModelOrigin(upstream))
    }

    private static func json(_ files: String, version: String = "1.1") throws -> SimplePage {
        try SimplePage(
            json: Array(#"{"meta": {"api-version": "\#(version)"}, "name": "x", "new": 1, "files": [\#(files)]}"#.utf8),
            at: try place())
    }

    private static func html(_ body: String) throws -> SimplePage {
        try SimplePage(html: Array("<!DOCTYPE html><html><body>\(body)</body></html>".utf8), at: try place())
    }

    private static let digest = String(repeating: "ab", count: 32)

    @Test("reads what the newer form says of a file, and passes over what it does not know")
    func newer() throws {
        let page = try Self.json(
            """
            {"filename": "acme_tool-1.0-py3-none-any.whl", "url": "../../held/a.whl?x=1#f", "size": 3, "other": [1],
             "hashes": {"sha256": "\(Self.digest.uppercased())", "md5": "aa"}, "requires-python": ">=3.8", "yanked": "broken",
             "core-metadata": {"sha256": "\(Self.digest)"}, "upload-time": "2024-02-29T12:30:01.5Z"},
            {"filename": "acme-tool-2.0.tar.gz", "url": "https://files.example/b.tar.gz", "hashes": {}, "yanked": false},
            {"filename": "../etc/passwd", "url": "x", "hashes": {}}, {"filename": "c.whl", "url": "ftp://x/c", "hashes": {}}
            """)
        #expect(page.files.count == 2 && page.unusable == 2)
        let wheel = try #require(page.files.first)
        #expect(wheel.location.origin.authority == "index.example" && wheel.location.path == "/held/a.whl?x=1")
        #expect(
            wheel.hashes.map(\.digits) == [Self.digest] && wheel.requiresPython == ">=3.8" && wheel.yanked == "broken")
        #expect(wheel.hasMetadata && wheel.isWheel && wheel.uploaded == 1_709_209_801)
        #expect(page.files[1].location.origin.authority == "files.example" && page.files[1].yanked == nil)
        #expect(!page.files[1].isWheel && page.files[1].uploaded == nil)
    }

    @Test("reads the older form, its references, and no other tags")
    func older() throws {
        let page = try Self.html(
            """
            <!-- <a href="/held/no.whl">no.whl</a> --><abbr href=x>no</abbr>
            <A HREF='/held/a-1.0.tar.gz#sha256=\(Self.digest)' data-requires-python="&gt;=3.7" data-yanked="">\n a-1.0.tar.gz </A>
            <a class=b href=/held/b.whl data-dist-info-metadata="sha256=x">b.whl</a><a name="top">top</a>
            <a href="//files.example/c%2B1.whl">c+1.whl</a><a href="javascript:alert(1)">d.whl</a>
            """)
        #expect(page.files.map(\.name) == ["a-1.0.tar.gz", "b.whl", "c+1.whl"] && page.unusable == 1)
        #expect(page.files[0].hashes.map(\.digits) == [Self.digest] && page.files[0].requiresPython == ">=3.7")
        #expect(page.files[0].yanked == "" && page.files[1].hasMetadata && page.files[1].yanked == nil)
        #expect(
            page.files[2].location.origin.authority == "files.example" && page.files[2].location.path == "/c%2B1.whl")
    }

    @Test(
        "refuses a page that two readers would read differently",
        arguments: [
            "<base href='https://evil.example/'><a href=x>x.whl</a>", "<a href='x", "<!-- <a href=x>x.whl</a>",
        ])
    func odd(body: String) {
        #expect(throws: SimplePage.Flaw.self) {
            try SimplePage(html: Array(body.utf8), at: try Self.place())
        }
    }

    @Test(
        "refuses what is no page of this kind",
        arguments: ["", "[]", "{}", #"{"meta": {"api-version": "2.0"}, "files": []}"#])
    func noJSON(text: String) {
        #expect(throws: SimplePage.Flaw.self) { try SimplePage(json: Array(text.utf8), at: try Self.place()) }
    }

    @Test("what is written for a session is read again as the same, with every address here")
    func written() throws {
        let name = try #require(PackageName("acme-tool"))
        let page = try Self.html(
            "<a href=\"x.whl#sha256=\(Self.digest)\" data-requires-python=\"&gt;=3,&lt;4\" data-yanked=\"a &quot;b&quot;\">x.whl</a>"
        )
        let there = try ModelOrigin("http://127.0.0.1")
        for again in [
            try SimplePage(html: page.html(of: name), at: PackageLocation(name, at: there)),
            try SimplePage(json: JSONWriter().write(page.json(of: name)), at: PackageLocation(name, at: there)),
        ] {
            // Plain http to a name of the network is nothing that a broker would follow: the address is ours.
            #expect(again.files.isEmpty && again.unusable == 1)
        }
        let text = String(decoding: page.html(of: name), as: UTF8.self)
        #expect(text.contains("href=\"http://packages.internal/files/acme-tool/x.whl#sha256=\(Self.digest)\""))
        #expect(
            text.contains("data-requires-python=\"&gt;=3,&lt;4\"") && text.contains("data-yanked=\"a &quot;b&quot;\""))
    }

    @Test("shows what is old enough, where it may lie, and of the kind that is wanted")
    func shown() throws {
        let page = try Self.json(
            """
            {"filename": "old.whl", "url": "old.whl", "hashes": {}, "upload-time": "2024-01-01T00:00:00Z"},
            {"filename": "young.whl", "url": "young.whl", "hashes": {}, "upload-time": "2024-01-09T00:00:01Z"},
            {"filename": "edge.whl", "url": "edge.whl", "hashes": {}, "upload-time": "2024-01-03T00:00:00Z"},
            {"filename": "undated.whl", "url": "undated.whl", "hashes": {}},
            {"filename": "odd.whl", "url": "odd.whl", "hashes": {}, "upload-time": "yesterday"},
            {"filename": "source.tar.gz", "url": "s", "hashes": {}, "upload-time": "2024-01-01T00:00:00Z"},
            {"filename": "away.whl", "url": "https://away.example/a", "hashes": {}, "upload-time": "2024-01-01T00:00:00Z"}
            """)
        let now: Int64 = 1_704_844_800  // 2024-01-10
        let all = page.shown(by: .init(origins: [try ModelOrigin(Self.origin)]), at: now)
        #expect(all.page.files.count == 6 && all.hidden.elsewhere == 1 && all.hidden.count == 1)
        let some = page.shown(
            by: .init(origins: [try ModelOrigin(Self.origin)], minimumAgeDays: 7, wheelsOnly: true), at: now)
        #expect(some.page.files.map(\.name) == ["old.whl", "edge.whl"])
        #expect(some.hidden.young == 1 && some.hidden.undated == 2 && some.hidden.sources == 1)
    }

    @Test(
        "a reference counts from its page, and nothing of it is decoded",
        arguments: [
            ("a.whl", "/simple/acme-tool/a.whl"), ("../a.whl", "/simple/a.whl"), ("../../../../a", "/a"),
            ("/a/./b/../c", "/a/c"),
            ("?q=1", "/simple/acme-tool/?q=1"), ("#f", "/simple/acme-tool/"), ("a/..", "/simple/acme-tool/"),
            ("%2e%2e/a", "/simple/acme-tool/%2e%2e/a"),
        ])
    func references(reference: String, path: String) throws {
        #expect(try Self.place().resolving(reference)?.path == path)
    }

    @Test(
        "a reference that cannot be followed is none",
        arguments: [
            "http://index.example/a", "https://u:p@index.example/a", "https://INDEX.example/a", "ftp://x/a", "a b",
            "a\nb", "https://",
            "\\\\x\\y", "https://index.example:0/a", "mailto:x", "data:text/html,x", "a\"b",
        ])
    func nowhere(reference: String) throws { #expect(try Self.place().resolving(reference) == nil) }
}

@Suite("requests at packages.internal")
struct PackageRouteTests {
    private static func route(_ line: String, host: String = "packages.internal") throws -> PackageRoute {
        var reader = RequestHeadReader()
        guard case .head(let head) = reader.append(Array("\(line) HTTP/1.1\r\nHost: \(host)\r\n\r\n".utf8).span) else {
            throw PackageRefusal(.badRequest, .malformed, "head", remedy: "")
        }
        return try PackageRoute(head)
    }

    @Test("are for a page or for a file")
    func known() throws {
        let name = try #require(PackageName("acme-tool"))
        #expect(try Self.route("GET /simple/acme-tool/") == .page(name))
        #expect(try Self.route("HEAD /simple/Acme_Tool") == .page(name))
        #expect(try Self.route("GET /files/acme-tool/a-1.0%2Bcu.whl") == .file(name, "a-1.0+cu.whl"))
    }

    @Test(
        "anything else is refused by name",
        arguments: [
            ("POST /simple/a/", PackageRefusal.Code.method), ("PUT /files/a/b.whl", .method),
            ("OPTIONS /simple/a/", .method),
            ("get /simple/a/", .method), ("GET /", .route), ("GET /simple/", .name), ("GET /simple/a/b", .route),
            ("GET /simple/a/?x=1", .route), ("GET /simple//", .name), ("GET /simple/../a", .route),
            ("GET /simple/a%2fb/", .name),
            ("GET /files/a/..", .route), ("GET /files/a/%2e%2e", .route), ("GET /files/a/b%00", .route),
            ("GET /files/a/.b", .route),
            ("GET /files/a/b/c", .route), ("GET /legacy/", .route),
        ])
    func refused(line: String, code: PackageRefusal.Code) {
        let refusal = #expect(throws: PackageRefusal.self) { try Self.route(line) }
        #expect(refusal?.code == code)
    }

    @Test("for another host are none of ours")
    func otherHost() {
        let refusal = #expect(throws: PackageRefusal.self) { try Self.route("GET /simple/a/", host: "index.example") }
        #expect(refusal?.code == .otherHost && refusal?.status == .misdirected)
    }
}
