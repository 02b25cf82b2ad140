// SPDX-License-Identifier: Apache-2.0
package import Documents
package import LinuxSystem
internal import Policy
internal import Wire

/// One session as a client of the listening supervisor asks for it: closed-world JSON, whose files travel beside it.
///
///     {"version": 1, "profile": {"name": "build", "document": {...}}, "command": [base64, ...],
///      "variables": [base64 of NAME=VALUE, ...], "set": [...], "files": ["stdin", "stdout", "stderr", "mount 0", ...],
///      "mounts": ["/run/...", ...], "read_only": true, "export_bytes": 1024, "git": {"repository", "push"},
///      "model": {"service": {...}, "prices": {"file", "text"}}, "raw_output": false, "json": false}
///
/// There is no path in it that anybody would open, and no word for how a session is isolated: that is the profile's.
package struct RunDocument: Sendable {
    package var profileName: String
    /// As ``Profile/document`` writes it.
    package var profile: JSON
    package var argv: [[UInt8]]
    /// The client's own variables that its profile passes on.
    package var variables: [[UInt8]] = []
    package var set: [[UInt8]] = []
    package var files: [HandedFiles.Role]
    package var mounts: [String] = []
    package var readOnly = false
    package var exportBytes: UInt64?
    package var git: (repository: String, push: String)?
    package var model: (service: JSON, pricesFile: String, prices: String)?
    package var rawOutput = false
    package var asJSON = false

    package static let version = 1
    private static let longestName = 256

    package init(profileName: String, profile: JSON, argv: [[UInt8]], files: [HandedFiles.Role]) {
        self.profileName = profileName
        self.profile = profile
        self.argv = argv
        self.files = files
    }

    package var json: JSON {
        func list(_ items: [[UInt8]]) -> JSON {
            .array(items.map { .string(String(decoding: Base64.encode($0), as: UTF8.self)) })
        }
        var members: [JSON.Member] = [
            .init("version", .int(Self.version)),
            .init("profile", .object([.init("name", .string(profileName)), .init("document", profile)])),
            .init("command", list(argv)), .init("variables", list(variables)), .init("set", list(set)),
            .init("files", .array(files.map { .string($0.text) })),
            .init("mounts", .array(mounts.map { .string($0) })), .init("read_only", .bool(readOnly)),
            .init("raw_output", .bool(rawOutput)), .init("json", .bool(asJSON)),
        ]
        if let exportBytes { members.append(.init("export_bytes", .number(exportBytes))) }
        if let git {
            members.append(
                .init(
                    "git", .object([.init("repository", .string(git.repository)), .init("push", .string(git.push))])))
        }
        if let model {
            let prices: JSON = .object([
                .init("file", .string(model.pricesFile)), .init("text", .string(model.prices)),
            ])
            members.append(.init("model", .object([.init("service", model.service), .init("prices", prices)])))
        }
        return .object(members)
    }

    /// Reads a document; what it says is judged elsewhere.
    package init(_ bytes: [UInt8]) throws(SystemError) {
        let json: JSON
        do throws(JSONParser.Failure) { json = try JSONParser.parse(bytes) } catch {
            throw Self.refused("it is no JSON: \(error.reason) at byte \(error.offset)")
        }
        var fields = try Fields(json, "the request")
        guard try fields.number("version") == UInt64(Self.version) else {
            throw Self.refused("it is not of version \(Self.version)")
        }
        var profile = try Fields(try fields.required("profile"), "\"profile\"")
        profileName = try profile.text("name")
        guard (1...Self.longestName).contains(profileName.utf8.count),
            profileName.utf8.allSatisfy({ (0x20..<0x7f).contains($0) })
        else { throw Self.refused("the profile's name is no short printable text") }
        self.profile = try profile.required("document")
        try profile.end()
        argv = try fields.bytes("command")
        variables = try fields.bytes("variables")
        set = try fields.bytes("set")
        files = try fields.list("files") { text throws(SystemError) in
            guard let role = HandedFiles.Role(text) else {
                throw Self.refused("it has a file for \"\(text.displayed)\", which is nothing")
            }
            return role
        }
        mounts = try fields.list("mounts") { text throws(SystemError) in text }
        readOnly = try fields.flag("read_only")
        rawOutput = try fields.flag("raw_output")
        asJSON = try fields.flag("json")
        exportBytes = try fields.optionalNumber("export_bytes")
        if let value = fields.take("git") {
            var git = try Fields(value, "\"git\"")
            self.git = (try git.text("repository"), try git.text("push"))
            try git.end()
        }
        if let value = fields.take("model") {
            var model = try Fields(value, "\"model\"")
            var prices = try Fields(try model.required("prices"), "\"prices\"")
            self.model = (try model.required("service"), try prices.text("file"), try prices.text("text"))
            try prices.end()
            try model.end()
        }
        try fields.end()
        try checkTogether()
    }

    /// What only the document as a whole can show.
    private func checkTogether() throws(SystemError) {
        guard let first = argv.first, !first.isEmpty, argv.allSatisfy({ !$0.contains(0) }) else {
            throw Self.refused("its command is empty, or has a NUL byte in it")
        }
        for entry in variables + set {
            let name = String(decoding: entry.prefix { $0 != UInt8(ascii: "=") }, as: UTF8.self)
            guard entry.contains(UInt8(ascii: "=")), !entry.contains(0), EnvironmentPolicy.isName(name) else {
                throw Self.refused("one of its variables is no NAME=VALUE")
            }
        }
        let numbers = files.compactMap { if case .mount(let index) = $0 { index } else { nil } }
        guard numbers.sorted() == Array(mounts.indices) else {
            throw Self.refused("its mounts and their files do not go together")
        }
        func together(_ role: HandedFiles.Role, _ isWanted: Bool) -> Bool { files.contains(role) == isWanted }
        guard together(.export, exportBytes != nil), (exportBytes ?? 1) > 0, together(.mirror, git != nil),
            together(.quarantine, git != nil)
        else { throw Self.refused("its parts and their files do not go together") }
    }

    static func refused(_ reason: String) -> SystemError {
        SystemError("read", "the request: \(reason)", .invalid, remedy: "Use one build of all programs of Sallyport.")
    }
}

/// The members of an object, each taken once; what nobody took is unknown.
struct Fields {
    private var members: [JSON.Member]
    private let subject: String

    init(_ json: JSON, _ subject: String) throws(SystemError) {
        guard case .object(let members) = json else { throw RunDocument.refused("\(subject) is no object") }
        self.members = members
        self.subject = subject
    }

    mutating func take(_ name: String) -> JSON? {
        guard let at = members.firstIndex(where: { $0.name == name }) else { return nil }
        return members.remove(at: at).value
    }

    mutating func required(_ name: String) throws(SystemError) -> JSON {
        guard let value = take(name) else { throw RunDocument.refused("\(subject) has no \"\(name)\"") }
        return value
    }

    mutating func text(_ name: String) throws(SystemError) -> String {
        guard let text = try required(name).stringValue else { throw RunDocument.refused("\"\(name)\" is no string") }
        return text
    }

    mutating func flag(_ name: String) throws(SystemError) -> Bool {
        guard let value = try required(name).boolValue else {
            throw RunDocument.refused("\"\(name)\" is neither true nor false")
        }
        return value
    }

    mutating func number(_ name: String) throws(SystemError) -> UInt64 {
        guard let number = try optionalNumber(name) else {
            throw RunDocument.refused("\(subject) has no \"\(name)\"")
        }
        return number
    }

    mutating func optionalNumber(_ name: String) throws(SystemError) -> UInt64? {
        guard let value = take(name) else { return nil }
        guard let number = value.intValue, number >= 0 else {
            throw RunDocument.refused("\"\(name)\" is no number from 0 on")
        }
        return UInt64(number)
    }

    mutating func list<Item>(_ name: String, _ read: (String) throws(SystemError) -> Item) throws(SystemError) -> [Item]
    {
        guard let values = try required(name).arrayValue else { throw RunDocument.refused("\"\(name)\" is no list") }
        var items: [Item] = []
        for value in values {
            guard let text = value.stringValue else { throw RunDocument.refused("\"\(name)\" has what is no string") }
            items.append(try read(text))
        }
        return items
    }

    mutating func bytes(_ name: String) throws(SystemError) -> [[UInt8]] {
        try list(name) { text throws(SystemError) in
            guard let bytes = Base64.decode(text.utf8) else { throw RunDocument.refused("\"\(name)\" is no base64") }
            return bytes
        }
    }

    func end() throws(SystemError) {
        guard let stray = members.first else { return }
        throw RunDocument.refused("\(subject) has an unknown member \"\(stray.name.displayed)\"")
    }
}
