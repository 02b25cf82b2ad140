// SPDX-License-Identifier: Apache-2.0
import Documents

/// Who may have sessions of the listening supervisor, and how far they go: `supervise:` of `/etc/sallyport/ceiling.yaml`.
///
///     version: 1
///     reason: What sallyportd may ask for.
///     supervise:
///       - user: sallyport
///         profiles: [build, review]
///         rootfs: [host]
///         sources: [/var/lib/sallyportd, /usr/lib/sallyport]
///         sessions: 16
///         limits: {memory: 8GiB, wall: 8h}
///         models: ["models.example.com:443"]
///         export: 2GiB
///
/// Closed world: what no entry names is refused, and an absent list allows nothing. `limits` take the place of the same
/// limits of each profile. Without `export` a session hands out a gibibyte at most.
package struct SessionCeiling: Sendable, Hashable {
    /// What one user may have.
    package struct Entry: Sendable, Hashable {
        /// An account's name, or a number.
        package let user: Sourced<String>
        /// A session's own profile must give no more than one of these.
        package let profiles: [Sourced<String>]
        package let rootfs: [String]
        /// Beneath these lies whatever of the host a session is shown.
        package let sources: [String]
        /// How many at a time.
        package let sessions: Int
        package let limits: [(key: LimitKey, text: String)]
        /// Where a session's models may be asked, as `host:port`.
        package let models: [String]
        /// How much a session may hand out to a file, in bytes.
        package let exportBytes: UInt64

        package static func == (a: Entry, b: Entry) -> Bool { a.user == b.user }
        package func hash(into hasher: inout Hasher) { hasher.combine(user) }
    }

    package let entries: [Entry]

    package static let key = "supervise"
    /// What a client's profile is called in refusals.
    static let request = "the request's profile"
    private static let file = ["version", "reason", "egress", key]
    private static let known = ["user", "profiles", "rootfs", "sources", "sessions", "limits", "models", "export"]
    package static let mostSessions = 1024
    /// What a task's own export may come to.
    static let usualExport: UInt64 = 1 << 30

    /// Reads the file's text; no entries where it has no `supervise:`.
    package init(_ bytes: [UInt8], file: String) throws(PolicyError) {
        let node: Node
        do throws(DocumentError) { node = try Node.read(bytes, file: file) } catch { throw PolicyError(error) }
        let root = ProfileField(path: "", node: node)
        let fields = try root.fields(known: Self.file)
        guard try fields["version"]?.word() == "1" else {
            throw PolicyError("the ceiling has no \"version: 1\"", at: node.place, remedy: "Begin it with that line.")
        }
        var entries: [Entry] = []
        for field in try fields[Self.key]?.elements() ?? [] {
            let entry = try Self.entry(field)
            if entries.contains(where: { $0.user.value == entry.user.value }) {
                throw field.error("names user \"\(entry.user.value)\" again", remedy: "Write one entry for each user.")
            }
            entries.append(entry)
        }
        self.entries = entries
    }

    private static func entry(_ field: ProfileField) throws(PolicyError) -> Entry {
        let fields = try field.fields(known: known)
        guard let user = fields["user"] else {
            throw field.error("has no \"user\"", remedy: "Say who may ask: an account's name or number.")
        }
        guard let sessions = fields["sessions"], let most = Int(try sessions.word()), (1...mostSessions).contains(most)
        else {
            throw field.error(
                "has no \"sessions\" from 1 to \(mostSessions)", remedy: "Say how many at a time, as in: sessions: 16.")
        }
        return Entry(
            user: Sourced(try user.word(), user.node.place),
            profiles: try fields["profiles"]?.list { (item) throws(PolicyError) in try item.profileName() }.items ?? [],
            rootfs: try fields["rootfs"]?.list { (item) throws(PolicyError) in try item.profileName() }.values ?? [],
            sources: try fields["sources"]?.list { (item) throws(PolicyError) in try source(item) }.values ?? [],
            sessions: most, limits: try limits(fields["limits"]),
            models: try fields["models"]?.list { (item) throws(PolicyError) in try item.string() }.values ?? [],
            exportBytes: try fields["export"].map { (field) throws(PolicyError) in try size(field) } ?? usualExport)
    }

    private static func size(_ field: ProfileField) throws(PolicyError) -> UInt64 {
        let expected = "a size with KiB, MiB or GiB, or a plain number of bytes"
        guard let bytes = Units.bytes(try field.word(expected)), (1...(1 << 60)).contains(bytes) else {
            throw field.error("is no size", remedy: "Write \(expected).")
        }
        return bytes
    }

    private static func source(_ field: ProfileField) throws(PolicyError) -> String {
        let text = try field.string()
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        guard text == "/" || text.hasPrefix("/") && parts.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." }) else {
            throw field.error(
                "is \"\(text)\", which is no plain absolute path", remedy: "Write a directory's real path.")
        }
        return text
    }

    private static func limits(_ field: ProfileField?) throws(PolicyError) -> [(key: LimitKey, text: String)] {
        guard let fields = try field?.fields(known: ProfileKey.names(in: "limits")) else { return [] }
        var limits: [(key: LimitKey, text: String)] = []
        for key in LimitKey.allCases {
            guard let field = fields[key.rawValue] else { continue }
            let text = try field.word(key.expected)
            guard key.parse(text) != nil else {
                throw field.error("is \"\(text)\"", remedy: "Write \(key.expected).")
            }
            limits.append((key, text))
        }
        return limits
    }

    /// The same file without `supervise:`, each other line where it was; nil where nothing else says anything.
    ///
    /// `egress:` of it is a profile's, with a reader of its own.
    package static func egressPart(_ bytes: [UInt8], file: String) throws(PolicyError) -> [UInt8]? {
        let node: Node
        do throws(DocumentError) { node = try Node.read(bytes, file: file) } catch { throw PolicyError(error) }
        guard case .mapping(let entries) = node.value, let at = entries.firstIndex(where: { $0.key == key }) else {
            return bytes
        }
        guard entries.contains(where: { $0.key == "egress" }) else { return nil }
        let first = entries[at].keyPlace.line
        let next = at + 1 < entries.count ? entries[at + 1].keyPlace.line : Int.max
        guard next > first, at == 0 || entries[at - 1].keyPlace.line < first else {
            throw PolicyError(
                "\"\(key)\" shares its line with another key", at: entries[at].keyPlace,
                remedy: "Write each key on a line of its own.")
        }
        let newline = UInt8(ascii: "\n")
        let lines = bytes.split(separator: newline, omittingEmptySubsequences: false)
        return Array(
            lines.enumerated().map { (first..<next).contains($0.offset + 1) ? [] : $0.element }
                .joined(separator: [newline]))
    }
}

extension SessionCeiling.Entry {
    /// The first profile of the entry that gives everything the wanted one does, narrowed to it.
    ///
    /// - Parameters:
    ///   - wanted: As ``Profile/document`` writes it.
    ///   - load: The operator's profiles, registries in place.
    /// - Throws: why the last one does not: where there is one profile, the key that is too wide.
    package func profile(
        _ wanted: [UInt8], name: String, _ load: (String) throws(PolicyError) -> Profile
    ) throws(PolicyError) -> Profile {
        var document = try ProfileDocument.decode(wanted, file: SessionCeiling.request)
        let asked = document.rootfs?.value ?? ""
        guard rootfs.contains(asked) else {
            throw refusal("rootfs \"\(asked)\" is not among those of \"\(user.value)\"", "Add it to rootfs:.")
        }
        var last: PolicyError?
        // The profile's own name first: its reasons are the ones that tell most.
        for source in profiles.filter({ $0.value == name }) + profiles.filter({ $0.value != name }) {
            var profile = try load(source.value)
            for limit in limits { profile = try profile.setting(limit: limit.key.rawValue, value: limit.text) }
            let set = profile.environment.set
            document.set = document.set.map { list in
                SourcedList(items: list.items.filter { !set.contains($0.value) }, place: list.place)
            }
            do throws(PolicyError) {
                var narrowed = try profile.narrowed(by: document)
                narrowed.name = name
                return narrowed
            } catch {
                last = last ?? error
                last?.operation = "stay within the ceiling with"
            }
        }
        throw last ?? refusal("no profile is named for \"\(user.value)\"", "Add one to profiles:.")
    }

    package func refusal(_ message: String, _ remedy: String) -> PolicyError {
        PolicyError(
            message, file: user.place.file, line: user.place.line, remedy: remedy, operation: "stay within the ceiling")
    }
}
