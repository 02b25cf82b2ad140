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
///      "model": {"service": {...}, "prices": {"file", "text"}}, "raw_output": false, "json": false,
///      "attend": ["hosts"], "correlation_id": "..."}
///
/// There is no path in it that anybody would open, and no word for how a session is isolated: that is the profile's.
package struct RunDocument: Sendable {
    package var profileName: String
    package var correlation: CorrelationID?
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
    /// What whoever attends the session is told and asked, as ``SessionAttendance/Matter`` has it.
    package var matters: [String] = []

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
            .init("attend", .array(matters.map { .string($0) })),
        ]
        if let correlation { members.append(.init(CorrelationID.member, .string(correlation.description))) }
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
        var fields = try ClosedObject(json, "the request", refuse: Self.refused)
        guard try fields.number("version") == Self.version else {
            throw Self.refused("it is not of version \(Self.version)")
        }
        var profile = try ClosedObject(try fields.required("profile"), "\"profile\"", refuse: Self.refused)
        profileName = try profile.text("name")
        guard (1...Self.longestName).contains(profileName.utf8.count),
            profileName.utf8.allSatisfy({ (0x20..<0x7f).contains($0) })
        else { throw Self.refused("the profile's name is no short printable text") }
        self.profile = try profile.required("document")
        try profile.end()
        argv = try Self.bytes(&fields, "command")
        variables = try Self.bytes(&fields, "variables")
        set = try Self.bytes(&fields, "set")
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
        matters = try fields.list("attend") { text throws(SystemError) in text }
        exportBytes = try fields.optionalNumber("export_bytes").map(UInt64.init)
        if let value = fields.take(CorrelationID.member) {
            guard let id = value.stringValue.flatMap(CorrelationID.init(_:)) else {
                throw Self.refused("its correlation id is not \(CorrelationID.form)")
            }
            correlation = id
        }
        if let value = fields.take("git") {
            var git = try ClosedObject(value, "\"git\"", refuse: Self.refused)
            self.git = (try git.text("repository"), try git.text("push"))
            try git.end()
        }
        if let value = fields.take("model") {
            var model = try ClosedObject(value, "\"model\"", refuse: Self.refused)
            var prices = try ClosedObject(try model.required("prices"), "\"prices\"", refuse: Self.refused)
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
        guard mounts.allSatisfy({ !$0.utf8.contains(0) }) else {
            throw Self.refused("one of its mounts has a NUL byte in it")
        }
        let numbers = files.compactMap { if case .mount(let index) = $0 { index } else { nil } }
        guard numbers.sorted() == Array(mounts.indices) else {
            throw Self.refused("its mounts and their files do not go together")
        }
        func together(_ role: HandedFiles.Role, _ isWanted: Bool) -> Bool { files.contains(role) == isWanted }
        guard together(.export, exportBytes != nil), (exportBytes ?? 1) > 0, together(.mirror, git != nil),
            together(.quarantine, git != nil), together(.attendant, !matters.isEmpty)
        else { throw Self.refused("its parts and their files do not go together") }
    }

    private static func bytes(
        _ fields: inout ClosedObject<SystemError>, _ name: String
    ) throws(SystemError) -> [[UInt8]] {
        try fields.list(name) { text throws(SystemError) in
            guard let bytes = Base64.decode(text.utf8) else { throw refused("\"\(name)\" is no base64") }
            return bytes
        }
    }

    static func refused(_ reason: String) -> SystemError {
        SystemError("read", "the request: \(reason)", .invalid, remedy: "Use one build of all programs of Sallyport.")
    }
}
