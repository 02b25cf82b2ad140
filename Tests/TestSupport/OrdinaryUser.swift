// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Documents
internal import Glibc

/// An ordinary user who runs Sallyport: the tests' own user, or one without any right that root's tests become.
///
/// Root's user has copies of the programs, since a build directory is often in a home that nobody else may enter.
package final class OrdinaryUser: Sendable {
    private let scratch: Scratch
    /// A directory of the user's own, as HOME.
    package let home: String
    package let programs: String
    package let uid: UInt32

    /// No account has it, and a process needs none.
    private static let nobodys: UInt32 = 4242

    package init() throws(HarnessError) {
        scratch = try Scratch()
        home = try scratch.directory("home", mode: 0o755)
        guard geteuid() == 0 else {
            uid = geteuid()
            programs = Executables.directory
            return
        }
        uid = Self.nobodys
        programs = try scratch.directory("bin")
        let copies = ["sallyport", "sallyport-gateway", "sallyport-broker", "sallyport-task", "sp-init", "sp-probe"].map
        { Executables.path($0) }
        // Those of tasks, where they were built.
        let more = ["sallyport-runner", "sallyportd"].map { Executables.path($0) }.filter { access($0, X_OK) == 0 }
        let profiles = try scratch.directory("share") + "/sallyport"
        try Self.succeed(Command("/bin/cp", copies + more + [programs]))
        try Self.succeed(Command("/bin/mkdir", [profiles]))
        try Self.succeed(Command("/bin/cp", ["-r", Executables.sources + "/profiles", profiles]))
        try Self.succeed(Command("/bin/chmod", ["-R", "u=rwX,go=rX", scratch.at("bin"), scratch.at("share")]))
        try own(home)
    }

    private static func succeed(_ command: Command) throws(HarnessError) {
        let finished = try command.run()
        guard finished.code == 0 else { throw HarnessError("\(command.path) failed: \(finished.errorText)") }
    }

    /// Gives a file of the tests' to the user.
    package func own(_ path: String) throws(HarnessError) {
        guard lchown(path, uid, uid) == 0 else { throw HarnessError("give away", path, errno) }
    }

    /// A directory of the user's.
    package func directory(_ name: String) throws(HarnessError) -> String {
        let path = try scratch.directory("home/" + name)
        try own(path)
        return path
    }

    /// A file of the user's, beneath HOME.
    @discardableResult
    package func file(_ name: String, _ text: String) throws(HarnessError) -> String {
        let path = try scratch.file("home/" + name, text)
        try own(path)
        return path
    }

    /// A program with the user's id and no capability it could get back.
    package static func unprivileged(_ path: String, _ arguments: [String]) -> Command {
        guard geteuid() == 0 else { return Command(path, arguments) }
        let drop = [
            "--reuid", "\(nobodys)", "--regid", "\(nobodys)", "--clear-groups", "--inh-caps=-all",
            "--bounding-set=-all",
        ]
        return Command("/usr/bin/setpriv", drop + [path] + arguments)
    }

    /// A program as the user starts it, with nothing of ours in its environment.
    package func command(_ path: String, _ arguments: [String]) -> Command {
        var command = Self.unprivileged(path, arguments)
        command.environment["HOME"] = home
        command.environment["LANG"] = "C.UTF-8"
        command.environment["XDG_RUNTIME_DIR"] = home + "/run"
        command.directory = home
        return command
    }

    /// Any verb.
    package func sallyport(_ arguments: [String]) -> Command { command(sallyport, arguments) }
    package var sallyport: String { programs + "/sallyport" }

    package func run(
        profile: String, workspace: String? = nil, options: [String] = [], _ program: [String]
    ) throws -> Outcome {
        let record = home + "/result-\(UInt32.random(in: 0...UInt32.max)).json"
        let tree = workspace.map { ["--workspace", $0] } ?? []
        let finished = try sallyport(
            ["run", "--profile", profile] + tree + options + ["--result-file", record, "--"] + program
        ).run()
        guard let bytes = contents(record), !bytes.isEmpty else { return Outcome(finished: finished, result: nil) }
        return Outcome(finished: finished, result: try JSON.read(bytes, file: record))
    }

    /// Runs the escape probes inside.
    package func probe(profile: String, options: [String] = [], _ arguments: [String]) throws -> Outcome {
        let probes = ["--mount", "\(programs)/sp-probe:\(Sallyport.probe)"]
        return try run(profile: profile, options: probes + options, [Sallyport.probe] + arguments)
    }

    /// The tests' own group in a version 2 hierarchy.
    package static var ownGroup: String? {
        text("/proc/self/cgroup")?.split(separator: "\n").first { $0.hasPrefix("0::") }.map { String($0.dropFirst(3)) }
    }

    /// Whether this kernel's tmpfs has attributes of users, as a workspace in memory needs; tried, not read off a version.
    package static func memoryHoldsWorkspaces() throws(HarnessError) -> Bool {
        let file = sp_memfd("attribute-probe")
        guard file >= 0 else { throw HarnessError("make", "a memory file", Int32(-file)) }
        defer { _ = sp_close(Int32(file)) }
        let result = sp_try_user_attribute(Int32(file))
        guard result >= 0 || result == -Int(EOPNOTSUPP) else {
            throw HarnessError("set an attribute on", "a memory file", Int32(-result))
        }
        return result >= 0
    }
}
