// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Isolation
internal import LinuxSystem

/// How a new session shows what an earlier one left: its first program is ours, reads the kept set inside, where it has
/// no more rights than what it then becomes.
///
/// Nobody outside writes into the new session's layer, so the set's bytes meet no process that could do more with them
/// than the task that chose them. The program is executed from a sealed copy in memory: no path leads to it. CVE-2019-5736
extension SessionRun {
    /// How that program knows itself.
    package static let replayVerb = "internal-replay"

    /// Puts our program before the caller's: descriptor 3 inside is the kept set, open for reading, 4 the program. Both
    /// are closed before the caller's begins.
    func showKept(_ spec: inout SandboxSpec) throws(SystemError) {
        guard let kept = request.shows else { return }
        guard spec.export == nil, spec.frames == nil else {
            throw SystemError(
                "show", "the changes of session \(kept.session)", .busy,
                remedy: "A session that does has no export and no frames.")
        }
        let set = try Directory.open(paths.changes).open("\(kept.session).set", O_RDONLY)
        // Above the numbers that the plan gives out. Plumbing.swift
        spec.export = held.keep(try set.duplicate())
        spec.frames = held.keep(try programs.sealed("sallyport").duplicate())
        spec.argv =
            ["/proc/self/fd/4", Self.replayVerb, kept.session, kept.digest, "--"].map { Array($0.utf8) } + spec.argv
    }
}
