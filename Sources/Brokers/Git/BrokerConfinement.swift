// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Wire
internal import Workspace

/// What a git broker gives up, and what each of its connections gives up on top once it is known what is asked.
///
///     broker       programs: read, execute     mirror: read     quarantine: read, its objects and references: write
///     a fetch      programs: read, execute     mirror: read     quarantine: read
///     a push       -                           mirror: read     quarantine as the broker; no exec, no new process
///
/// A connection's process leads a group that neither it nor what it starts can leave, so that one signal ends them all.
/// Rulesets of Landlock and filters only ever add up. landlock(7), seccomp(2)
struct BrokerConfinement {
    /// What a connection turned out to be for.
    enum Purpose { case fetch, look, push }

    /// Before the paths of ``BrokerView``; a test has another.
    var root = ""

    private static let heapBytes: UInt64 = 1 << 30
    private static let mostFileBytes: UInt64 = 4 << 30
    private static let processes: UInt64 = 128
    private static let openFiles: UInt64 = 256
    private static let connectionSeconds: UInt64 = 900

    /// Confines the broker itself. Before the first message is read.
    static func enter() throws(BrokerRefused) {
        try demand(sp_gateway_set_undumpable(), .dumpable)
        try demand(sp_gateway_reserve_stdio(), .descriptors)
        try demand(sp_gateway_leave_session(), .session)
        try demand(sp_gateway_has_user_zero(), .userID)
        try demand(sp_gateway_has_capabilities(), .capabilities)
        try demand(sp_gateway_has_no_new_privs(), .noNewPrivileges, answer: 1)
        try demand(sp_gateway_has_filter(), .seccomp, answer: 1)
        for (resource, value) in [
            (SP_RLIMIT_CORE, 0), (SP_RLIMIT_NOFILE, openFiles), (SP_RLIMIT_NPROC, processes),
            (SP_RLIMIT_DATA, heapBytes), (SP_RLIMIT_FSIZE, mostFileBytes), (SP_RLIMIT_MEMLOCK, 0),
        ] { try demand(sp_gateway_limit(resource, value), .limits) }
        for number in [SIGPIPE, SIGXFSZ] { try demand(Int32(sp_ignore_signal(number)), .limits) }
        // After the last thread was made: from here on a fork doubles the whole process.
        try demand(sp_broker_filter_clone(), .seccomp)
    }

    /// Narrows the files of the broker. Its own program and libraries are loaded by now.
    func enterFiles(waived: Bool) throws(BrokerRefused) {
        do throws(SystemError) {
            try Landlock.restrict(to: places(nil))
        } catch {
            if waived, error.errno == .noSystemCall || error.errno == .notSupported { return }
            throw BrokerRefused(.landlock, errno: error.errno.code)
        }
    }

    /// Narrows a connection's process to what it is for.
    ///
    /// - Parameters:
    ///   - processorSeconds: The most that it may ever take.
    ///   - fileBytes: How long any file may become that it writes.
    func narrow(
        to purpose: Purpose, processorSeconds: UInt64 = connectionSeconds, fileBytes: UInt64 = mostFileBytes
    ) throws(SystemError) {
        for (resource, value) in [
            (Int32(RLIMIT_CPU.rawValue), processorSeconds), (SP_RLIMIT_FSIZE, fileBytes),
        ] { try checked("limit", "a connection") { Int(sp_gateway_limit(resource, value)) } }
        // Where Landlock is waived the rest still holds; where it is not, the broker has refused to start without it.
        if sp_landlock_abi() >= 1 { try Landlock.restrict(to: places(purpose)) }
        let mayStart = purpose == .fetch
        try checked("keep", "the process group of a connection") { Int(sp_broker_keep_group(mayStart ? 1 : 0)) }
        if !mayStart { try checked("forbid", "new programs") { Int(sp_gateway_forbid_exec()) } }
    }

    /// Lets this process go on until it has used so much processor time; past that the kernel ends it. setrlimit(2)
    static func allow(processorSeconds: UInt64) {
        let most = sp_rlimit_hard(Int32(RLIMIT_CPU.rawValue))
        // What cannot be raised stays as it is, and that is less.
        _ = sp_setrlimit(Int32(RLIMIT_CPU.rawValue), min(processorSeconds, most), most)
    }

    // MARK: Files

    private func places(_ purpose: Purpose?) -> [Landlock.Place] {
        let programs = [
            Landlock.Place("\(root)/usr", Landlock.read | Landlock.execute), .init("\(root)/etc", Landlock.read),
            .init("\(root)/dev", Landlock.readFile | Landlock.writeFile),
        ]
        let repositories = [
            Landlock.Place(root + BrokerView.mirror, Landlock.read),
            .init(root + BrokerView.quarantine, Landlock.read),
        ]
        let written = Quarantine.written.map {
            Landlock.Place("\(root)\(BrokerView.quarantine)/\($0)", Landlock.read | Landlock.write)
        }
        return switch purpose {
        case nil: programs + repositories + written
        case .fetch: programs + repositories
        case .look: repositories
        case .push: repositories + written
        }
    }

    static func demand(
        _ result: Int32, _ check: GatewayReport.Refusal.Check, answer: Int32 = 0
    ) throws(BrokerRefused) {
        guard result >= 0 else { throw BrokerRefused(check, errno: -result) }
        guard result == answer else { throw BrokerRefused(check) }
    }
}

/// A reason not to start.
struct BrokerRefused: Error {
    let refusal: GatewayReport.Refusal

    init(_ check: GatewayReport.Refusal.Check, errno: Int32 = 0) {
        refusal = GatewayReport.Refusal(check: check, errno: UInt32(errno))
    }
}
