// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Documents
internal import Glibc
package import LinuxSystem
package import Policy
internal import Wire

/// What a client's document and files come to, once the ceiling has been asked about all of it.
extension RunDocument {
    /// - Parameters:
    ///   - numbers: In the order of ``files``.
    ///   - load: A profile of the operator's, registries in place.
    package func request(
        _ numbers: [Int32], of peer: Peer, within entry: SessionCeiling.Entry,
        _ load: (String) throws(PolicyError) -> Profile
    ) throws -> RunRequest {
        guard numbers.count == files.count else {
            throw Self.refused("\(numbers.count) files came, and it names \(files.count)")
        }
        let profile = try entry.profile(JSONWriter().write(self.profile), name: profileName, load)
        let handed = try HandedFiles(Array(zip(files, numbers)).map { ($0, $1) }, of: peer, beneath: entry.sources)
        var request = RunRequest(profile: profile, argv: argv)
        request.handed = handed
        request.correlation = correlation
        request.client = .init(uid: peer.uid, pid: peer.pid, start: try processStartTime(peer.pid))
        // What a session changed is the session's; a client that wants it has it exported.
        request.disposition = .discard
        request.readOnly = readOnly
        request.rawOutput = rawOutput
        if handed.has(.workspace) { request.workspace = try handed.path(.workspace) }
        for (index, target) in mounts.enumerated() {
            request.mounts.append(.init(source: try handed.path(.mount(index)), target: target))
        }
        if let exportBytes {
            guard exportBytes <= entry.exportBytes else {
                throw entry.refusal(
                    "an export of \(exportBytes) bytes is more than the \(entry.exportBytes) of \"\(entry.user.value)\"",
                    "Give a smaller one, or raise export:.")
            }
            request.export = .init(file: try handed.path(.export), limit: exportBytes)
        }
        if handed.has(.frames) { request.frames = try handed.path(.frames) }
        if handed.has(.result) { request.resultFile = try handed.path(.result) }
        request.environment = try set.map { entry throws(SystemError) in
            guard let text = String(validating: entry, as: UTF8.self), let at = text.firstIndex(of: "=") else {
                throw Self.refused("one of its variables is no UTF-8")
            }
            return (String(text[..<at]), String(text[text.index(after: at)...]))
        }
        request.git = try gitAccess(handed)
        if handed.has(.forge) {
            let view = try SealedDocument.bytes(
                of: try handed.open(.forge), limit: ForgeStart.longestView, name: "view of the forge")
            request.forge = ForgeAccess(view: view)
        }
        request.model = try modelAccess(handed, entry)
        try requireRecords(&request, handed)
        return request
    }

    /// What the client attends to.
    package func attended() throws(SystemError) -> Set<SessionAttendance.Matter> {
        var known: Set<SessionAttendance.Matter> = []
        for text in matters {
            guard let matter = SessionAttendance.Matter(rawValue: text), known.insert(matter).inserted else {
                throw Self.refused("it attends to \"\(text.displayed)\", which is nothing, or is there twice")
            }
        }
        return known
    }

    private func gitAccess(_ handed: HandedFiles) throws(SystemError) -> GitAccess? {
        guard let git else { return nil }
        guard let repository = RepositoryPath(git.repository) else {
            throw Self.refused("its repository is no plain path such as /owner/name")
        }
        let scope = git.push.isEmpty ? PushScope.nothing : PushScope(git.push)
        guard let scope else { throw Self.refused("what it may push is neither one branch nor those of a directory") }
        return GitAccess(
            repository: repository, mirror: try handed.path(.mirror), quarantine: try handed.path(.quarantine),
            push: scope)
    }

    /// How a secret that came as a file is named where the model broker gets it.
    private static func secretName(_ index: Int) -> String { "SALLYPORT_SECRET_\(index)" }

    private func modelAccess(_ handed: HandedFiles, _ entry: SessionCeiling.Entry) throws -> ModelAccess? {
        guard let model else { return nil }
        var service = try ModelService(JSONWriter().write(model.service), file: "the request's model file")
        var credentials: [CredentialReference] = []
        for index in service.upstreams.indices {
            let upstream = service.upstreams[index]
            let place = "\(upstream.origin.authority):\(upstream.origin.port)"
            guard entry.models.contains(place) else {
                throw entry.refusal(
                    "\"\(place)\" is not among the models of \"\(entry.user.value)\"", "Add it to models:.")
            }
            // It would be read by a process that is not the client's.
            guard upstream.authorities == nil else {
                throw Self.refused("a model's ca_file cannot be handed over yet")
            }
            for _ in upstream.authorization.credentials {
                let index = credentials.count
                guard handed.has(.secret(index)) else { throw Self.refused("a model's credential did not come along") }
                credentials.append(.environment(Self.secretName(index)))
            }
        }
        service.prices = nil
        return ModelAccess(service, credentials: credentials, prices: (model.pricesFile, model.prices))
    }

    /// All the files of a record, or none: a session whose record could not be written is not started.
    private func requireRecords(_ request: inout RunRequest, _ handed: HandedFiles) throws(SystemError) {
        let wanted = RecordFiles.wanted(
            hasAudit: !request.virtualHosts.isEmpty || request.profile.egress.isOpen, brokers: request.virtualHosts)
        let came = files.compactMap { if case .record(let name) = $0 { name } else { nil } }
        if came.isEmpty { return }
        guard Set(came) == Set(wanted) else {
            throw Self.refused("the files for its record are not those that such a session has")
        }
        let path = try handed.path(.record("plan.json"))
        request.recordFiles = path.hasSuffix(".plan.json") ? String(path.dropLast(".plan.json".count)) : path
    }

    /// The variables of the client that its session may be given, and the secrets that its broker is.
    package func environment(_ numbers: [Int32]) -> CallerEnvironment {
        var values: [String: [UInt8]] = [:]
        for entry in variables {
            let name = String(decoding: entry.prefix { $0 != UInt8(ascii: "=") }, as: UTF8.self)
            values[name] = Array(entry.dropFirst(name.utf8.count + 1))
        }
        var secrets: [String: Int32] = [:]
        for (role, number) in zip(files, numbers) {
            if case .secret(let index) = role { secrets[Self.secretName(index)] = number }
        }
        let (known, held) = (values, secrets)
        return CallerEnvironment({ known[$0] }, reveal: { name in held[name].flatMap(Self.secret) })
    }

    private static let longestSecret = 65536

    private static func secret(_ number: Int32) -> Secret? {
        var bytes = [UInt8](repeating: 0, count: longestSecret)
        defer { bytes.withUnsafeMutableBytes { explicit_bzero($0.baseAddress!, $0.count) } }
        let got = bytes.withUnsafeMutableBytes { sp_pread(number, $0.baseAddress!, $0.count, 0) }
        return got > 0 ? Secret(bytes[..<got]) : nil
    }
}
