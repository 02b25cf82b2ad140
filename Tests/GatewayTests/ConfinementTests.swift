// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing
import Wire

@Suite("gateway confinement", .requiresRoot)
struct ConfinementTests {
    struct Missing: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let change: @Sendable (inout GatewayUnderTest.Confinement) -> Void
        let check: GatewayReport.Refusal.Check
    }

    static let missing: [Missing] = [
        Missing(testDescription: "another user id", change: { $0.user = 0 }, check: .userID),
        Missing(
            testDescription: "empty capability sets", change: { $0.dropsCapabilities = false }, check: .capabilities),
        Missing(
            testDescription: "no_new_privs",
            change: {
                $0.setsNoNewPrivileges = false
                $0.loadsFilter = false
            },
            check: .noNewPrivileges),
        Missing(testDescription: "a filter", change: { $0.loadsFilter = false }, check: .seccomp),
    ]

    @Test("refuses to start without", arguments: missing)
    func refuses(_ c: Missing) throws {
        var confinement = GatewayUnderTest.Confinement()
        c.change(&confinement)
        let gateway = try GatewayUnderTest(confinement)
        #expect(try gateway.report() == .refused(.init(check: c.check)))
        #expect(try gateway.exitStatus() == 125)
    }

    @Test("ends the gateway at a call that its filter does not name")
    func filterHolds() throws {
        var confinement = GatewayUnderTest.Confinement()
        confinement.withheldCall = "recvmsg"
        let gateway = try GatewayUnderTest(confinement)
        #expect(try gateway.exitStatus() == 256 + SIGSYS)
    }

    @Test("is what the kernel says about a running gateway")
    func status() throws {
        let gateway = try GatewayUnderTest()
        let pty = try Pseudoterminal()
        let terminal = try Pseudoterminal(nonblocking: true)
        try gateway.start(
            GatewayStart(roles: [.ptyMaster, .terminalOutput], frames: 0, frameFileBytes: 0),
            [.ptyMaster: pty.master, .terminalOutput: terminal.slave])
        let status = try fields(of: "/proc/\(gateway.process)/status")
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            #expect(status[set] == "0000000000000000", "\(set)")
        }
        #expect(status["NoNewPrivs"] == "1")
        #expect(status["Seccomp"] == "2")
        // The supervisor's, and the gateway's own that takes execve back.
        #expect(status["Seccomp_filters"] == "2")
        #expect(status["Uid"] == "65533\t65533\t65533\t65533")
        #expect(status["Gid"] == "65533\t65533\t65533\t65533")
        #expect(status["Groups"] == "")
        #expect(status["Threads"] == "1")
        #expect(getsid(gateway.process) == gateway.process)
        // Files under /proc/<pid> belong to root exactly when the process is not dumpable. proc(5)
        #expect(try owner(of: "/proc/\(gateway.process)/environ") == 0)
        #expect(try contents(of: "/proc/\(gateway.process)/environ").isEmpty)
        let limits = try String(decoding: contents(of: "/proc/\(gateway.process)/limits"), as: UTF8.self)
        for line in [
            "Max core file size        0                    0", "Max open files            16                   16",
            "Max processes             0                    0",
        ] {
            #expect(limits.contains(line), "\(line)")
        }
        try gateway.send(.close)
        _ = try gateway.ended()
    }

    @Test("leaves open only the descriptors that were given")
    func descriptors() throws {
        let gateway = try GatewayUnderTest()
        let frames = try FramePlumbing()
        try gateway.start(
            GatewayStart(roles: [.frames, .frameFile], frames: 1, frameFileBytes: 4_096),
            [.frames: frames.outer, .frameFile: frames.file])
        // 0, 1, 2 are placeholders, 3 is the control socket.
        let names = try entries(of: "/proc/\(gateway.process)/fd")
        #expect(names == ["0", "1", "2", "3", "4", "5"])
        for name in ["0", "1", "2"] {
            var target = [UInt8](repeating: 0, count: 256)
            let count = readlink("/proc/\(gateway.process)/fd/\(name)", &target, target.count)
            try #require(count > 0)
            #expect(String(decoding: target[..<count], as: UTF8.self) == "anon_inode:[eventpoll]")
        }
        frames.closeInner()
        _ = try gateway.ended()
    }

    @Test("is counted as dumpable when a process of the same id is, so that the owner means something")
    func dumpableControl() throws {
        // This process is root's own and dumpable: its files belong to its effective id, which here is 0, so the
        // control is a child of the gateway's id that execs an ordinary program.
        let child = try plainChild(user: 65_533)
        defer {
            kill(child.process, SIGKILL)
            waitpid(child.process, nil, 0)
            close(child.output)
        }
        _ = try readExactly(1, from: child.output)
        #expect(try owner(of: "/proc/\(child.process)/environ") == 65_533)
    }

    private func fields(of path: String) throws -> [String: String] {
        var fields: [String: String] = [:]
        for line in try String(decoding: contents(of: path), as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            try #require(parts.count == 2)
            fields[String(parts[0])] = String(parts[1].drop { $0 == "\t" || $0 == " " }.trimmingSuffix { $0 == " " })
        }
        return fields
    }
}

extension Substring {
    fileprivate func trimmingSuffix(while predicate: (Character) -> Bool) -> Substring {
        var result = self
        while let last = result.last, predicate(last) { result = result.dropLast() }
        return result
    }
}

/// A process of another id that has written one byte, so its exec is over, and stays until it is killed.
private func plainChild(user: uid_t) throws -> (process: pid_t, output: Int32) {
    var ends: [Int32] = [-1, -1]
    try #require(pipe(&ends) == 0)
    defer { close(ends[1]) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    let words = [
        "setpriv", "--reuid=\(user)", "--regid=\(user)", "--clear-groups", "sh", "-c", "printf x; exec sleep 60",
    ]
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
    arguments.append(nil)
    defer { for argument in arguments { free(argument) } }
    var process: pid_t = 0
    var environment: [UnsafeMutablePointer<CChar>?] = [strdup("PATH=/usr/bin:/bin"), nil]
    defer { free(environment[0]) }
    try #require(posix_spawnp(&process, "setpriv", &actions, nil, &arguments, &environment) == 0)
    return (process, ends[0])
}

private func contents(of path: String) throws -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    try #require(descriptor >= 0, "\(path)")
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 65_536)
    let count = read(descriptor, &bytes, bytes.count)
    try #require(count >= 0)
    return Array(bytes[..<count])
}

private func owner(of path: String) throws -> uid_t {
    var status = stat()
    try #require(stat(path, &status) == 0)
    return status.st_uid
}

private func entries(of path: String) throws -> [String] {
    let directory = try #require(opendir(path))
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted { (Int($0) ?? 0) < (Int($1) ?? 0) }
}
