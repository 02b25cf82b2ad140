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
/// Rulesets of Landlock and filters only ever add up. landlock(7), seccomp(2)
enum BrokerConfinement {
    /// What a connection turned out to be for.
    enum Purpose { case fetch, look, push }

    private static let heapBytes: UInt64 = 1 << 30
    private static let fileBytes: UInt64 = 4 << 30
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
            (SP_RLIMIT_DATA, heapBytes), (SP_RLIMIT_FSIZE, fileBytes), (SP_RLIMIT_MEMLOCK, 0),
        ] { try demand(sp_gateway_limit(resource, value), .limits) }
        for number in [SIGPIPE, SIGXFSZ] { try demand(Int32(sp_ignore_signal(number)), .limits) }
        // After the last thread was made: from here on a fork doubles the whole process.
        try demand(sp_broker_filter_clone(), .seccomp)
    }

    /// Narrows the files of the broker. Its own program and libraries are loaded by now.
    static func enterFiles(waived: Bool) throws(BrokerRefused) {
        do throws(SystemError) {
            try restrict(programs + repositories + written)
        } catch {
            if waived, error.errno == .noSystemCall || error.errno == .notSupported { return }
            throw BrokerRefused(.landlock, errno: error.errno.code)
        }
    }

    /// Narrows a connection's process to what it is for.
    ///
    /// - Parameter processorSeconds: The most that it may ever take.
    static func narrow(to purpose: Purpose, processorSeconds: UInt64 = connectionSeconds) throws(SystemError) {
        try checked("limit", "processor time of a connection") {
            Int(sp_gateway_limit(Int32(RLIMIT_CPU.rawValue), processorSeconds))
        }
        let places =
            switch purpose {
            case .fetch: programs + repositories
            case .look: repositories
            case .push: repositories + written
            }
        // Where Landlock is waived the rest still holds; where it is not, the broker has refused to start without it.
        if sp_landlock_abi() >= 1 { try restrict(places) }
        if purpose != .fetch { try checked("forbid", "new programs") { Int(sp_gateway_forbid_exec()) } }
    }

    /// Lets this process go on until it has used so much processor time; past that the kernel ends it. setrlimit(2)
    static func allow(processorSeconds: UInt64) {
        let most = sp_rlimit_hard(Int32(RLIMIT_CPU.rawValue))
        // What cannot be raised stays as it is, and that is less.
        _ = sp_setrlimit(Int32(RLIMIT_CPU.rawValue), min(processorSeconds, most), most)
    }

    // MARK: Files

    private struct Place {
        let path: String
        let rights: UInt64
    }

    private static let execute: UInt64 = 1 << 0
    private static let read: UInt64 = 1 << 2 | 1 << 3
    /// Write and remove files, make and remove directories, rename between directories, cut files.
    private static let write: UInt64 = 1 << 1 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 13 | 1 << 14

    private static let programs = [
        Place(path: "/usr", rights: read | execute), Place(path: "/etc", rights: read),
        Place(path: "/dev", rights: 1 << 2 | 1 << 1),
    ]
    private static let repositories = [
        Place(path: BrokerView.mirror, rights: read), Place(path: BrokerView.quarantine, rights: read),
    ]
    private static let written = Quarantine.written.map {
        Place(path: "\(BrokerView.quarantine)/\($0)", rights: read | write)
    }

    private static func restrict(_ places: [Place]) throws(SystemError) {
        let abi = sp_landlock_abi()
        guard abi >= 1 else { throw SystemError("use", "Landlock", Errno(Int32(-abi))) }
        var handled: UInt64 = (1 << 13) - 1
        if abi >= 2 { handled |= 1 << 13 }
        if abi >= 3 { handled |= 1 << 14 }
        if abi >= 5 { handled |= 1 << 15 }
        let ruleset = Descriptor(
            owning: Int32(try checked("make", "a Landlock ruleset") { sp_landlock_ruleset(handled) }))
        for place in places {
            let directory = try Descriptor.open(place.path, O_PATH | O_DIRECTORY)
            let (rules, fd) = (ruleset.number, directory.number)
            try checked("allow", "\"\(place.path)\"") { sp_landlock_allow(rules, fd, place.rights & handled) }
        }
        let number = ruleset.number
        try checked("apply", "a Landlock ruleset") { sp_landlock_restrict(number) }
    }

    private static func demand(
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
