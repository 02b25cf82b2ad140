// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import CLinux
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import Policy
internal import Supervisor
internal import Wire

/// `sallyport run` for somebody who has the listening supervisor make the sandbox: opens here, as the caller, everything
/// that the request names, and hands over what is open.
struct RunClient {
    private var document: RunDocument
    private let held = DescriptorSet()
    private var files: [Int32] = []

    static func run(_ arguments: Arguments, _ socket: String) throws -> Int32 {
        if arguments.has("dry-run") {
            throw UsageError("--dry-run shows what this user could start; unset \(SupervisorClient.variable) for it")
        }
        let attendant = try AttendantSocket(arguments)
        let context = try Context.make()
        let request = try RunVerb.request(arguments, context)
        try refuseKept(request, arguments)
        var client = try RunClient(request)
        client.document.asJSON = arguments.has("json")
        try client.addOutputs(request)
        try client.addHosts(request)
        if let attendant {
            client.document.matters = attendant.matters.map(\.rawValue).sorted()
            try client.add(.attendant, Descriptor(owning: AttendantSocket.number))
        }
        let signals = Descriptor(owning: Int32(try checked("watch", "signals") { sp_block_signals_and_watch() }))
        let end = try SupervisorClient(socket).run(client.document, files: client.files, signals: signals)
        Output.errorRaw(end.words)
        return end.status
    }

    /// What a session keeps is root's, and nothing hands it on yet.
    private static func refuseKept(_ request: RunRequest, _ arguments: Arguments) throws(UsageError) {
        guard request.packages == nil else {
            throw UsageError(
                "--packages is not to be had of the listening supervisor: its ceiling says nothing of indexes")
        }
        for option in ["keep", "diff", "apply"] where arguments.has(option) {
            throw UsageError(
                "--\(option) is not to be had of the listening supervisor: changes are kept in root's own directories")
        }
        let isReadOnly = request.readOnly || request.profile.filesystem.workspace == .readOnly
        guard request.workspace == nil || isReadOnly || arguments.has("discard") else {
            throw UsageError(
                "the listening supervisor keeps no changes of a workspace: give --discard or --read-only, and --export for what is to come out"
            )
        }
    }

    private init(_ request: RunRequest) throws {
        document = RunDocument(
            profileName: request.profile.name.displayed, profile: request.profile.document, argv: request.argv,
            files: [])
        document.correlation = request.correlation
        document.readOnly = request.readOnly
        document.rawOutput = request.rawOutput
        document.variables = request.profile.environment.pass.compactMap { name in
            callerEnvironment.bytes(name).map { Array("\(name)=".utf8) + $0 }
        }
        document.set = request.environment.map { Array("\($0.name)=\($0.value)".utf8) }
        // The three are the caller's own, and stay open.
        document.files = [.input, .output, .error]
        files = [0, 1, 2]
        if let path = request.workspace { try add(.workspace, open(path, O_DIRECTORY)) }
        for (index, mount) in request.mounts.enumerated() {
            document.mounts.append(mount.target)
            try add(.mount(index), open(mount.source, 0))
        }
    }

    private func open(_ path: String, _ flags: Int32) throws(SystemError) -> Descriptor {
        try Descriptor.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | flags)
    }

    private mutating func add(_ role: HandedFiles.Role, _ file: consuming Descriptor) throws(SystemError) {
        files.append(held.keep(try file.duplicate()))
        document.files.append(role)
    }

    private mutating func addOutputs(_ request: RunRequest) throws {
        if let export = request.export {
            document.exportBytes = export.limit
            try add(.export, Descriptor.create(export.file))
        }
        if let frames = request.frames { try add(.frames, RunRequest.framesFile(frames)) }
        if let result = request.resultFile { try add(.result, Descriptor.create(result)) }
        guard let prefix = request.recordFiles else { return }
        let wanted = RecordFiles.wanted(
            hasAudit: !request.virtualHosts.isEmpty || request.profile.egress.isOpen, brokers: request.virtualHosts)
        for name in wanted { try add(.record(name), Descriptor.create("\(prefix).\(name)")) }
    }

    /// What the session finds behind its own names.
    private mutating func addHosts(_ request: RunRequest) throws {
        if let git = request.git {
            document.git = (git.repository.description, git.push.text)
            try add(.mirror, open(git.mirror, O_DIRECTORY))
            try add(.quarantine, open(git.quarantine, O_DIRECTORY))
        }
        if let forge = request.forge { try add(.forge, SealedDocument.make(forge.view, name: "view of the forge")) }
        guard let model = request.model else { return }
        var service = model.service
        service.prices = nil
        document.model = (service.json, model.prices.file, model.prices.text)
        for (index, reference) in model.credentials.enumerated() {
            let secret = try callerEnvironment.secret(reference)
            try add(.secret(index), SealedDocument.make(secret, name: "secret"))
        }
        for reference in model.credentials { callerEnvironment.forget(reference) }
    }
}
