// SPDX-License-Identifier: Apache-2.0
import CLinux
import Documents
import Glibc
import TestSupport

/// A mount namespace in which nobody but the program under test can mount: its table compares exactly.
final class MountView: Sendable {
    private let holder: Running

    init() throws {
        holder = try Command(
            "/usr/bin/unshare", ["--mount", "--propagation", "private", "/bin/sh", "-c", "echo ready; read end"]
        ).start()
        guard try holder.line() == "ready" else { throw HarnessError("no mount namespace was made") }
    }

    /// The same program, started in this namespace; nsenter becomes it, so the pid is the program's.
    func command(_ command: Command) -> Command {
        var inside = command
        inside.path = "/usr/bin/nsenter"
        inside.arguments = ["--mount=/proc/\(holder.pid)/ns/mnt", "--", command.path] + command.arguments
        return inside
    }

    var mounts: [String] { (text("/proc/\(holder.pid)/mountinfo") ?? "").split(separator: "\n").map(String.init) }
}

/// A caller's project and what a workload does to it.
struct CrashScene {
    let sallyport: Sallyport
    let workspace: String

    init() throws {
        sallyport = try Sallyport()
        workspace = try sallyport.home.directory("project")
        try sallyport.home.directory("project/src")
        try sallyport.home.file("project/src/main.c", "int main(void) { return 0; }\n")
        try sallyport.home.file("project/build.sh", "#!/bin/sh\nexit 0\n", mode: 0o755)
        try sallyport.home.file("project/old", "to be removed\n")
        try sallyport.home.symlink("project/link", to: "src/main.c")
    }

    /// Changes of each kind.
    static let changing = "mkdir new && echo one > new/file && echo more >> build.sh && rm old && mv src moved"

    /// The gateway runs as well when frames are asked for.
    func command(profile: String = "strict", _ script: String, options: [String] = []) -> Command {
        sallyport.runCommand(
            profile: profile, workspace: workspace,
            options: ["--frames", sallyport.home.at("frames.jsonl")] + options,
            record: sallyport.home.at("result.json"),
            ["/bin/sh", "-c", script])
    }

    /// A profile whose changes go to a directory of the pool, on any file system.
    func profileWithChangesOnDisk() throws -> String {
        try sallyport.home.file(
            "on-disk.yaml",
            "version: 1\nextends: [strict]\nreason: Changes on disk, for a test.\nlimits: { workspace: unmetered }\n")
    }

    /// Every name, type, mode, owner, size, time and link of the caller's tree, and the bytes of every file.
    func tree() throws -> String {
        let listing = try Command(
            "/bin/sh",
            [
                "-c",
                "cd \"$0\" && find . -printf '%p %y %m %U:%G %s %T@ %C@ %l\\n' | sort && find . -type f -print0 | sort -z | xargs -0 sha256sum",
                workspace,
            ]
        ).run()
        guard listing.code == 0, listing.lines.count >= 9 else {
            throw HarnessError("cannot list \(workspace): \(listing.errorText)")
        }
        return listing.text
    }

    /// The sessions that have a directory: one at most, since every use of a scene is followed by a sweep.
    /// Those that have their name; one that is being made hides behind a dot.
    var sessions: [String] { names("\(sallyport.runtime)/sessions").filter { !$0.hasPrefix(".") } }

    func sweep() throws -> Finished { try sallyport.command(["sweep"]).run() }

    /// Whether a kept set is there and whole: `diff` reads all of it and compares its digest.
    func keptChanges(_ session: String) throws -> Finished? {
        guard names("\(sallyport.state)/changes").contains("\(session).set") else { return nil }
        return try sallyport.command(["session", "diff", session, "--stat"]).run()
    }

    func discardChanges(_ session: String) throws -> Finished {
        try sallyport.command(["session", "discard", session]).run()
    }
}

/// Waits as long as asked; where in a program's life a blow falls is what these tests vary.
func pause(microseconds: Int) {
    var time = timespec(tv_sec: microseconds / 1_000_000, tv_nsec: microseconds % 1_000_000 * 1000)
    ppoll(nil, 0, &time, nil)
}

/// Looks until something is there; nil when it is not there in time, or when `unless` says that it never will be.
func awaited<Found>(_ look: () -> Found?, unless: () -> Bool = { false }) -> Found? {
    let end = ContinuousClock.now + .seconds(20)
    while ContinuousClock.now < end {
        if let found = look() { return found }
        if unless() { return look() }
        pause(microseconds: 100)
    }
    return nil
}

/// SplitMix64: moments that a printed seed brings back.
struct CrashMoments: RandomNumberGenerator {
    let seed: UInt64
    private var state: UInt64

    /// The seed of SALLYPORT_CRASH_SEED, or a new one.
    init() {
        seed =
            getenv("SALLYPORT_CRASH_SEED").flatMap { UInt64(String(cString: $0)) } ?? UInt64.random(in: 0...UInt64.max)
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

/// Whether the long form is asked for, as `scripts/check --long` does.
var isLongForm: Bool { getenv("SALLYPORT_LONG").map { String(cString: $0) } == "1" }
