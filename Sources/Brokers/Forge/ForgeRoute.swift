// SPDX-License-Identifier: Apache-2.0
package import Documents
package import Egress

/// What one request asks for; there is no other.
package enum ForgeRoute: Equatable {
    case overview
    /// An answer as it is.
    case read(JSON)
    /// Of a list, the elements of one page, and the number of the next.
    case page(JSON, path: String, next: Int?, size: Int)
    case open
    case update(Int)
    case review(Int)
    case status(String)

    package var isProposal: Bool {
        switch self {
        case .overview, .read, .page: false
        case .open, .update, .review, .status: true
        }
    }

    /// Letters that paths of ours have. No "%": what is escaped is read differently by different readers.
    static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "."), UInt8(ascii: "-"),
            UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// Fields by which some servers take another method or path than the request line has.
    private static let overriding: Set<String> = [
        "x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url",
    ]

    /// Reads what a request asks for of a site.
    package init(_ head: RequestHead, at site: ForgeSite) throws(ForgeRefusal) {
        guard head.isFor(ForgeSite.host, port: 80) else {
            throw ForgeRefusal(
                .misdirected, .otherHost, "this is \(ForgeSite.host) and no other host",
                remedy: "Use http://\(ForgeSite.host)/ as the base URL.")
        }
        guard !head.fields.contains(where: { Self.overriding.contains($0.name.lowercased()) }) else {
            throw ForgeRefusal(
                .badRequest, .malformed, "the request overrides its own method or path",
                remedy: "Send the method itself.")
        }
        let parts = head.target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let (path, query) = (String(parts[0]), parts.count > 1 ? String(parts[1]) : nil)
        guard path.utf8.allSatisfy(Self.isPlain), !path.contains("//"), !path.contains("..") else {
            throw Self.unknown("the path has an escape, an empty part or a character that no route here has")
        }
        if path == "/" {
            guard head.method == "GET", query == nil else { throw Self.method("GET") }
            self = .overview
            return
        }
        try self.init(head.method, path.hasPrefix("/api/v3/") ? String(path.dropFirst(7)) : path, query, at: site)
    }

    private init(_ method: String, _ path: String, _ query: String?, at site: ForgeSite) throws(ForgeRefusal) {
        if path == "/graphql" || path == "/api/graphql" {
            throw ForgeRefusal(
                .forbidden, .graph, "GraphQL is not served here",
                remedy:
                    "Unresolved review threads are at /repos/\(site.repository)/pulls/N/comments; a commit settles one "
                    + "by \"Resolves-Thread: N\" in its message.")
        }
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
        guard parts.first == "repos", parts.count >= 3 else {
            throw Self.unknown("only /repos/\(site.repository) and what is below it is served here")
        }
        guard "\(parts[1])/\(parts[2])".lowercased() == site.repository.lowercased() else {
            throw ForgeRefusal(
                .forbidden, .otherRepository, "this task is about \(site.repository) and no other repository",
                remedy: "Ask for /repos/\(site.repository).")
        }
        let rest = Array(parts.dropFirst(3))
        try Self.refuseForbidden(rest)
        if method == "GET" {
            self = try Self.read(rest, query, at: site)
        } else {
            guard query == nil else { throw Self.unknown("a proposal has no query") }
            self = try Self.proposal(method, rest)
        }
    }

    // MARK: Reading

    private static func read(_ rest: [String], _ query: String?, at site: ForgeSite) throws(ForgeRefusal) -> ForgeRoute
    {
        let path = rest.map { "/" + $0 }.joined()
        guard let body = site.answers[path] else {
            guard isKnown(rest) else { throw unknown("there is no such route") }
            throw ForgeRefusal(
                .notFound, .notInTask, "\(path) is no part of this task",
                remedy: "GET http://\(ForgeSite.host)/ lists what there is.")
        }
        guard let elements = body.arrayValue else {
            guard query == nil else { throw unknown("this answer takes no query") }
            return .read(body)
        }
        let (page, size) = try window(query)
        let start = (page - 1) * size
        let end = min(elements.count, start + size)
        let shown = start < end ? Array(elements[start..<end]) : []
        return .page(
            .array(shown), path: "/repos/\(site.repository)\(path)", next: end < elements.count ? page + 1 : nil,
            size: size)
    }

    /// Whether a path has the form of one that some task may read.
    private static func isKnown(_ rest: [String]) -> Bool {
        switch (rest.count, rest.first, rest.dropFirst(2).first) {
        case (2, "issues", _), (2, "pulls", _), (3, "issues", "comments"), (3, "pulls", "comments"),
            (3, "pulls", "files"):
            number(rest[1]) != nil
        default: false
        }
    }

    /// Reads "per_page=100&page=2".
    private static func window(_ query: String?) throws(ForgeRefusal) -> (page: Int, size: Int) {
        var (page, size) = (1, 30)
        for item in (query ?? "").split(separator: "&") {
            let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard pair.count == 2, let value = number(pair[1]), value > 0 else {
                throw unknown("the query is not understood")
            }
            switch pair[0] {
            case "page": page = value
            case "per_page": size = min(100, value)
            default: throw unknown("the query has more than per_page and page")
            }
        }
        return (page, size)
    }

    // MARK: Proposing

    private static func proposal(_ method: String, _ rest: [String]) throws(ForgeRefusal) -> ForgeRoute {
        switch (rest.count, rest.first) {
        case (1, "pulls"):
            guard method == "POST" else { throw self.method("GET, POST") }
            return .open
        case (2, "pulls"):
            guard let number = number(rest[1]) else { break }
            guard method == "PATCH" else { throw self.method("GET, PATCH") }
            return .update(number)
        case (3, "pulls") where rest[2] == "reviews":
            guard let number = number(rest[1]) else { break }
            guard method == "POST" else { throw self.method("POST") }
            return .review(number)
        case (2, "statuses"):
            guard rest[1].utf8.count == 40, rest[1].utf8.allSatisfy(isHexadecimal) else { break }
            guard method == "POST" else { throw self.method("POST") }
            return .status(rest[1])
        default: if isKnown(rest) || rest.isEmpty { throw self.method("GET") }
        }
        throw unknown("there is no such route")
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
    }

    /// What no task does, whoever asks: better said than to be unknown.
    private static func refuseForbidden(_ rest: [String]) throws(ForgeRefusal) {
        let last = rest.last ?? ""
        if last == "merge" || rest.first == "merges" || last == "auto-merge" || rest.first == "merge-upstream" {
            throw ForgeRefusal(
                .forbidden, .merge, "nothing is merged from here",
                remedy: "Leave that to whoever reviews the pull request.")
        }
        let isReference = ["git", "branches", "rulesets", "tags", "releases", "contents"].contains(rest.first ?? "")
        if isReference || last == "update-branch" || last == "protection" {
            throw ForgeRefusal(
                .forbidden, .reference, "branches, tags and files are no matter of this host",
                remedy: "Commit in the clone; origin takes pushes to the task's own branch.")
        }
    }

    /// A number as it is written once only.
    private static func number(_ text: String) -> Int? {
        guard (1...9).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let number = Int(text), String(number) == text
        else { return nil }
        return number
    }

    private static func unknown(_ reason: String) -> ForgeRefusal {
        ForgeRefusal(
            .notFound, .unknownRoute, reason, remedy: "GET http://\(ForgeSite.host)/ lists what there is.")
    }

    private static func method(_ allowed: String) -> ForgeRefusal {
        ForgeRefusal(
            .methodNotAllowed, .method, "this takes another method", remedy: "Allowed here: \(allowed).")
    }
}
