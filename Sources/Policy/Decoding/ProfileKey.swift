// SPDX-License-Identifier: Apache-2.0

/// One key of the profile format: the decoder takes its known names from here, and the key reference and the JSON
/// Schema are written from here, so that the three cannot differ.
package struct ProfileKey: Sendable {
    /// How a value is spelled.
    package indirect enum Kind: Sendable {
        case version, sentence, name, path, syscall, variable, host, block, assertion
        case choice([String])
        case size, rate, count, decimal, time
        /// A value, or the word for no bound.
        case orUnlimited(Kind)
        case port, method, requestPath, fileName
        /// A list of ports or the word `any`.
        case ports
        case list(Kind)
        /// Names of the author's choice to strings.
        case strings
        /// A mapping with the keys of another section.
        case section(String)
    }

    /// Empty at the top; `egress.rules[]` for the items of a list.
    package var section: String
    package var name: String
    package var kind: Kind
    package var meaning: String
    package var isRequired: Bool

    init(_ section: String, _ name: String, _ kind: Kind, _ meaning: String, required: Bool = false) {
        self.section = section
        self.name = name
        self.kind = kind
        self.meaning = meaning
        isRequired = required
    }

    /// The key with its section, as messages name it.
    package var path: String { section.isEmpty ? name : "\(section).\(name)" }

    /// The names that a section knows, in the order of the format.
    static func names(in section: String) -> [String] { all.filter { $0.section == section }.map { $0.name } }

    /// Every key, sections after the keys that open them.
    package static let all: [ProfileKey] = top + filesystem + syscalls + environment + limits + egress + rules + http

    private static func choices<Value: CaseIterable & RawRepresentable>(
        _: Value.Type
    ) -> Kind where Value.RawValue == String {
        .choice(Value.allCases.map { $0.rawValue })
    }

    private static let top = [
        ProfileKey("", "version", .version, "required in every file", required: true),
        ProfileKey("", "extends", .list(.name), "profiles to build on"),
        ProfileKey("", "reason", .sentence, "required in every file; not inherited", required: true),
        ProfileKey("", "rootfs", .name, "where programs come from: `host`, or a recipe's name"),
        ProfileKey("", "filesystem", .section("filesystem"), "which paths a task sees"),
        ProfileKey("", "syscalls", .section("syscalls"), "which system calls it may make"),
        ProfileKey("", "environment", .section("environment"), "its variables"),
        ProfileKey(
            "", "landlock", .choice(["required", "waived"]),
            "`waived` runs on a kernel without it, and needs the next key"),
        ProfileKey("", "landlock_reason", .sentence, "why; it goes into each session's record"),
        ProfileKey("", "limits", .section("limits"), "what it may use up"),
        ProfileKey("", "egress", .section("egress"), "what may leave"),
        ProfileKey("", "tests", .list(.assertion), "what `profile test` holds this very file against; not inherited"),
    ]

    private static let filesystem = [
        ProfileKey("filesystem", "writable", .list(.path), "at or below `/workspace`, `/tmp`, `/dev/shm`"),
        ProfileKey("filesystem", "read_only", .list(.path), "readable; with rootfs `host` below `/usr` or `/etc`"),
        ProfileKey("filesystem", "deny", .list(.path), "neither"),
        ProfileKey(
            "filesystem", "workspace", choices(WorkspaceAccess.self),
            "`read-only` caps every rule at or below `/workspace`"),
    ]

    private static let syscalls = [
        ProfileKey("syscalls", "allow_groups", .list(choices(SyscallGroup.self)), "groups of system calls"),
        ProfileKey("syscalls", "deny", .list(.syscall), "refused whatever a group allows, and recorded"),
    ]

    private static let environment = [
        ProfileKey(
            "environment", "pass", .list(.variable), "taken from the caller; names that credentials go by are refused"),
        ProfileKey("environment", "set", .strings, "set for the task; wins over what is passed"),
    ]

    private static let limits = LimitKey.allCases.map { ProfileKey("limits", $0.rawValue, $0.kind, $0.meaning) }

    private static let egress = [
        ProfileKey("egress", "direct_ip", choices(DirectAddress.self), "what dialling an address hears"),
        ProfileKey("egress", "rules", .list(.section("egress.rules[]")), "what may leave; nothing else does"),
    ]

    private static let rules = [
        ProfileKey("egress.rules[]", "host", .host, "a name, `*.` for one label before it, `**.` for one or more"),
        ProfileKey(
            "egress.rules[]", "registry", choices(RegistryClient.self),
            "the hosts that this client is configured for on the host"),
        ProfileKey("egress.rules[]", "cidr", .block, "addresses that may be dialled as such"),
        ProfileKey(
            "egress.rules[]", "socket", .path,
            "a Unix socket of the host, found inside as `/run/sockets/NAME`; needs `name`"),
        ProfileKey("egress.rules[]", "deny", .host, "wins over every other rule"),
        ProfileKey("egress.rules[]", "reason", .sentence, "required in every rule", required: true),
        ProfileKey("egress.rules[]", "ports", .ports, "default `[443]`; `any` is every port but 53"),
        ProfileKey(
            "egress.rules[]", "tls", choices(EgressRule.TLS.self),
            "`sni` (default on 443): the server name must be the name; `none`: plain HTTP (default on 80); `raw`: not looked "
                + "at; `intercept`: not in this version"),
        ProfileKey("egress.rules[]", "ech", choices(EgressRule.ECH.self), "encrypted client hello; default `refuse`"),
        ProfileKey("egress.rules[]", "http", .section("egress.rules[].http"), "limits, where requests are seen"),
        ProfileKey(
            "egress.rules[]", "addresses", .list(.block), "the only real addresses it may lead to; default: public ones"
        ),
        ProfileKey(
            "egress.rules[]", "when_absent", choices(EgressRule.Absence.self),
            "of `registry`: what a client without configuration is; default `error`"),
        ProfileKey(
            "egress.rules[]", "max_names", .count,
            "of a wildcard: different names in one session; default 256, at most 4096"),
        ProfileKey("egress.rules[]", "name", .fileName, "of `socket`: its name inside"),
    ]

    private static let http = [
        ProfileKey("egress.rules[].http", "methods", .list(.method), "methods in capitals; default any"),
        ProfileKey(
            "egress.rules[].http", "paths", .list(.requestPath),
            "a path, or with `/` at its end all below it; default any"),
    ]
}

extension LimitKey {
    fileprivate var kind: ProfileKey.Kind {
        switch self {
        case .enforcement: .choice(LimitEnforcement.allCases.map { $0.rawValue })
        case .workspace: .choice(WorkspaceMetering.allCases.map { $0.rawValue })
        case .pids, .openFiles, .workspaceInodes: .count
        case .memory, .shm, .tmp, .workspaceBytes, .logBytes: .size
        case .egressBytes: .orUnlimited(.size)
        case .io: .orUnlimited(.rate)
        case .cpu: .decimal
        case .wall: .time
        }
    }

    fileprivate var meaning: String {
        switch self {
        case .enforcement: "`rlimit` bounds processes, not the session"
        case .pids: "processes and threads"
        case .memory: "all of the session's memory, its tmpfs files included"
        case .shm: "`/dev/shm`"
        case .tmp: "`/tmp`"
        case .workspaceBytes: "what a task writes to its workspace"
        case .workspaceInodes: "how many files it makes there"
        case .openFiles: "descriptors of one process"
        case .cpu: "processors, up to three decimals"
        case .logBytes: "each of standard output and standard error"
        case .egressBytes: "what it sends beyond this host, all connections together; default `unlimited`"
        case .io:
            "bytes read, and bytes written, in a second on the disk that the workspace's changes lie on; default `unlimited`"
        case .wall: "the session's whole life"
        case .workspace: "`unmetered`: no bound on the workspace; for rootless hosts without quota"
        }
    }
}
