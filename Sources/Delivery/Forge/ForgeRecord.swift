// SPDX-License-Identifier: Apache-2.0
internal import Documents

/// JSON of a forge, read strictly: of the local forge's files, which people edit by hand, and of a server's answers. What
/// is not as it must be is an error that names the member.
struct ForgeRecord {
    let json: JSON
    let subject: String
    let remedy: String

    init(_ bytes: [UInt8], subject: String, remedy: String = "Restore the file.") throws(ForgeError) {
        do throws(JSONParser.Failure) {
            json = try JSONParser.parse(bytes)
        } catch {
            throw ForgeError(
                .malformed, "read", subject, "it is no JSON: \(error.reason) at byte \(error.offset)",
                remedy: remedy)
        }
        self.subject = subject
        self.remedy = remedy
    }

    private init(_ json: JSON, _ subject: String, _ remedy: String) {
        self.json = json
        self.subject = subject
        self.remedy = remedy
    }

    func text(_ name: String) throws(ForgeError) -> String {
        guard let text = json[name]?.stringValue else { throw wrong(name, "text") }
        return text
    }

    /// Nil when the member is missing or null.
    func optionalText(_ name: String) throws(ForgeError) -> String? {
        guard let value = json[name], !value.isNull else { return nil }
        return try text(name)
    }

    func number(_ name: String) throws(ForgeError) -> Int {
        guard let number = json[name]?.intValue, number >= 0 else { throw wrong(name, "a number") }
        return number
    }

    func optionalNumber(_ name: String) throws(ForgeError) -> Int? {
        guard let value = json[name], !value.isNull else { return nil }
        return try number(name)
    }

    func optionalFlag(_ name: String) throws(ForgeError) -> Bool? {
        guard let value = json[name], !value.isNull else { return nil }
        return try flag(name)
    }

    func flag(_ name: String) throws(ForgeError) -> Bool {
        guard let flag = json[name]?.boolValue else { throw wrong(name, "true or false") }
        return flag
    }

    /// The elements of a list; a missing one is empty.
    func list(_ name: String) throws(ForgeError) -> [ForgeRecord] {
        guard let value = json[name] else { return [] }
        guard let elements = value.arrayValue else { throw wrong(name, "a list") }
        return elements.enumerated().map { ForgeRecord($1, "\(subject), \(name)[\($0)]", remedy) }
    }

    /// The elements of what is a list itself.
    func elements() throws(ForgeError) -> [ForgeRecord] {
        guard let elements = json.arrayValue else { throw wrong("it", "a list") }
        return elements.enumerated().map { ForgeRecord($1, "\(subject), [\($0)]", remedy) }
    }

    /// A member that is an object; nil when it is missing or null.
    func member(_ name: String) throws(ForgeError) -> ForgeRecord? {
        guard let value = json[name], !value.isNull else { return nil }
        guard value.objectValue != nil else { throw wrong(name, "an object") }
        return ForgeRecord(value, "\(subject), \(name)", remedy)
    }

    func wrong(_ name: String, _ expected: String) -> ForgeError {
        ForgeError(.malformed, "read", subject, "\"\(name)\" is not \(expected)", remedy: remedy)
    }
}

extension Comment {
    init(_ record: ForgeRecord) throws(ForgeError) {
        self.init(
            author: try record.text("author"), body: try record.text("body"), created: try record.number("created"),
            isMaintainers: try record.optionalFlag("maintainer") ?? false)
    }

    static func list(_ record: ForgeRecord) throws(ForgeError) -> [Comment] {
        var result: [Comment] = []
        for element in try record.list("comments") { result.append(try Comment(element)) }
        return result
    }

    var json: JSON {
        let members: [JSON.Member] = [
            .init("author", .string(author)), .init("body", .string(body)), .init("created", .int(created)),
        ]
        return .object(members + (isMaintainers ? [.init("maintainer", true)] : []))
    }
}

extension Issue {
    init(_ record: ForgeRecord) throws(ForgeError) {
        let state = try record.text("state")
        guard ["open", "closed"].contains(state) else { throw record.wrong("state", "open or closed") }
        self.init(
            number: try record.number("number"), title: try record.text("title"), body: try record.text("body"),
            isOpen: state == "open", author: try record.optionalText("author") ?? "",
            comments: try Comment.list(record))
    }

    var json: JSON {
        [
            "version": 1, "number": .int(number), "title": .string(title), "body": .string(body),
            "state": isOpen ? "open" : "closed", "author": .string(author),
            "comments": .array(comments.map(\.json)),
        ]
    }
}

extension PullRequest {
    init(_ record: ForgeRecord) throws(ForgeError) {
        guard let state = State(rawValue: try record.text("state")) else {
            throw record.wrong("state", "open, closed or merged")
        }
        var threads: [Thread] = []
        for element in try record.list("threads") { threads.append(try Thread(element)) }
        var reviews: [Review] = []
        for element in try record.list("reviews") { reviews.append(try Review(element)) }
        self.init(
            number: try record.number("number"), title: try record.text("title"), body: try record.text("body"),
            state: state, author: try record.optionalText("author") ?? "", base: try record.text("base"),
            head: try record.text("head"), headRepository: try record.optionalText("head_repository"),
            threads: threads, reviews: reviews, comments: try Comment.list(record))
    }

    var json: JSON {
        [
            "version": 1, "number": .int(number), "title": .string(title), "body": .string(body),
            "state": .string(state.rawValue), "author": .string(author), "base": .string(base),
            "head": .string(head), "head_repository": .optional(headRepository),
            "threads": .array(threads.map(\.json)), "reviews": .array(reviews.map(\.json)),
            "comments": .array(comments.map(\.json)),
        ]
    }
}

extension PullRequest.Thread {
    init(_ record: ForgeRecord) throws(ForgeError) {
        self.init(
            number: try record.number("number"), key: try record.optionalText("key"), file: try record.text("file"),
            line: try record.optionalNumber("line"), severity: try record.optionalText("severity"),
            isResolved: try record.flag("resolved"), comments: try Comment.list(record))
    }

    var json: JSON {
        let key = key.map { [JSON.Member("key", .string($0))] } ?? []
        return .object(
            [.init("number", .int(number))] + key + [
                .init("file", .string(file)), .init("line", .optional(line)), .init("severity", .optional(severity)),
                .init("resolved", .bool(isResolved)), .init("comments", .array(comments.map(\.json))),
            ])
    }
}

extension PullRequest.Review {
    init(_ record: ForgeRecord) throws(ForgeError) {
        var threads: [Int] = []
        for value in record.json["threads"]?.arrayValue ?? [] {
            guard let number = value.intValue else { throw record.wrong("threads", "a list of numbers") }
            threads.append(number)
        }
        self.init(
            number: try record.number("number"), author: try record.text("author"), commit: try record.text("commit"),
            summary: try record.text("summary"), note: try record.optionalText("note") ?? "", threads: threads,
            created: try record.number("created"))
    }

    var json: JSON {
        [
            "number": .int(number), "author": .string(author), "commit": .string(commit),
            "summary": .string(summary), "note": .string(note), "threads": .array(threads.map { .int($0) }),
            "created": .int(created),
        ]
    }
}
