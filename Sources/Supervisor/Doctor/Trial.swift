// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Documents
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Policy

/// Real sandboxes under the chosen profile, started as people start them: by `sallyport run`.
///
/// A process of its own, so that what goes wrong in one is a line of the report and not the end of it, and so that
/// the doctor's terminal and standard input never come near the sandbox.
struct Trial {
    private let doctor: Doctor

    init(_ doctor: Doctor) { self.doctor = doctor }

    /// Where trial workspaces and records lie: beneath the state directory, which is on disk on most hosts, since an
    /// older kernel maps no ids on tmpfs.
    private static let directory = "doctor"

    /// Runs `body` in the doctor's own directory, emptied before and after, with no other doctor at work.
    func inScratch<R>(_ body: (String) throws(SystemError) -> R) throws(SystemError) -> R {
        let state = try Directory.open(doctor.paths.state)
        let lock = try state.open("doctor.lock", O_RDWR | O_CREAT, mode: 0o600)
        let held = lock.number
        try checked("lock", "\"\(doctor.paths.state)/doctor.lock\"") { sp_flock(held, LOCK_EX) }
        try state.removeTree(Array(Self.directory.utf8))
        try state.make(Self.directory, mode: 0o700)
        let result = try body(doctor.paths.state + "/" + Self.directory)
        try state.removeTree(Array(Self.directory.utf8))
        return result
    }

    func checks() throws(SystemError) -> [HostCheck] {
        let overlay = doctor.profile.filesystem.workspace == .readWrite
        do {
            return try inScratch { path throws(SystemError) in
                let scratch = try Directory.open(path)
                try scratch.make("tree", mode: 0o755)
                try scratch.make("tree/lower", mode: 0o755)
                try scratch.replace("tree/lower/file", with: Array("from below\n".utf8), mode: 0o644)
                // Removing a directory of the lower tree needs user xattrs on the upper; mounting succeeds without
                // them. Linux before 6.6 has none on tmpfs, and rmdir says EIO.
                let script = overlay ? "rm lower/file && rmdir lower && ! test -e lower" : "test -r lower/file"
                let null = try Descriptor.open("/dev/null", O_RDWR)
                let run = try run(
                    record: path + "/record.json", options: ["--workspace", path + "/tree", "--discard"],
                    command: ["/bin/sh", "-c", script], output: null.number)
                return verdict(run, overlay: overlay)
            }
        } catch {
            return [HostCheck("sandbox", .missing, "not tried: \(error.explanationLine)", remedy: error.remedy)]
        }
    }

    private func verdict(_ run: Run, overlay: Bool) -> [HostCheck] {
        guard run.outcome == "exited" else {
            let why = run.error ?? "the trial session ended with \"\(run.outcome)\", exit status \(run.status)"
            return [
                HostCheck(
                    "sandbox", .missing, why,
                    remedy: "Settle the rows above first; this one tries all of them together.")
            ]
        }
        let started = HostCheck(
            "sandbox", .ok, "one with this profile was started, and its layers read back as planned")
        guard overlay else {
            let readable = HostCheck(
                "workspace", run.exitCode == 0 ? .ok : .missing,
                "a read-only workspace could\(run.exitCode == 0 ? "" : " not") be read")
            return [started, readable]
        }
        if run.exitCode == 0 {
            return [
                started, HostCheck("workspace", .ok, "a directory of the tree below could be removed in the overlay"),
            ]
        }
        return [
            started,
            HostCheck(
                "workspace", .missing, "a directory of the tree below could not be removed in the overlay",
                remedy:
                    "Changes are kept in a tmpfs, which has user xattrs from Linux 6.6. Install a newer kernel (Debian 12: linux-image-amd64 from backports)\n"
                    + "or use a profile with filesystem.workspace: read-only (review)."),
        ]
    }

    // MARK: One run

    struct Run {
        var status: Int32
        var outcome = ""
        var exitCode: Int?
        var error: String?
    }

    /// Starts `sallyport run`; what the sandbox writes goes unread to `output`.
    func run(record: String, options: [String], command: [String], output: Int32) throws(SystemError) -> Run {
        let null = try Descriptor.open("/dev/null", O_RDWR)
        let child = ChildProgram(
            path: doctor.programs.directory + "/sallyport",
            arguments: ["run", "--profile", doctor.profileName, "--limit", "wall=2m", "--result-file", record] + options
                + ["--"] + command,
            environment: variables(), standard: [null.number, output, null.number])
        var run = Run(status: try child.run())
        // The record is the supervisor's, not the sandbox's: outcome, codes and names, each written by our own code.
        let bytes: [UInt8]
        do {
            bytes = try Descriptor.open(record, O_RDONLY | O_NOFOLLOW).readAll(limit: 1 << 20, subject: "\"\(record)\"")
        } catch {
            run.error = "`sallyport run` wrote no record and ended with exit status \(run.status)"
            return run
        }
        let json: JSON
        do { json = try JSON.read(bytes, file: record) } catch { throw SystemError("read", "\"\(record)\"", .invalid) }
        run.outcome = json["outcome"]?.stringValue ?? ""
        run.exitCode = json["exit_code"]?.intValue
        run.error = json["error"]?.stringValue
        return run
    }

    /// The variables that decide which directories are used; nothing else of the caller's.
    private func variables() -> [String] {
        ["SALLYPORT_RUNTIME_DIR", "SALLYPORT_STATE_DIR", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "HOME"].compactMap {
            name in
            doctor.environment(name).map { "\(name)=\($0)" }
        } + ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    }
}
