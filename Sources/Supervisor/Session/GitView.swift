// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import Isolation
package import LinuxSystem
internal import Wire

/// The files that a session's git broker sees: the host's programs, a few devices, and two repositories.
///
/// Both are opened here and mounted by descriptor, so that the broker's id needs no way through the directories of the
/// host that they lie in.
package enum GitView {
    /// Which programs of git the broker runs.
    package static let git = "/usr/bin/git"

    /// - Parameters:
    ///   - held: Keeps what is opened until the broker has started.
    ///   - mirror: The host's copy of the upstream; only read. By path, or by the descriptor that a client opened.
    ///   - quarantine: Where pushes land.
    package static func make(
        _ paths: HostPaths, mode: Mode, held: DescriptorSet, mirror: (file: Int32?, path: String),
        quarantine: (file: Int32?, path: String)
    ) throws(SystemError) -> ConfinedProgram.View {
        guard access(git, X_OK) == 0 else {
            throw SystemError("find", "\"\(git)\"", .noEntry, remedy: "Install git: clones are answered by it.")
        }
        let skeleton = try Skeleton.ensure(paths, mode: mode)
        let trees = Trees(mode: mode, held: held)
        let written = String(BrokerView.quarantine.dropFirst())
        var list = [try trees.open("/usr", at: "usr"), try trees.open(skeleton.dev, at: "dev", keepDevices: true)]
        do throws(SystemError) { list.append(try trees.open("/etc/ld.so.cache", at: "etc/ld.so.cache")) } catch {
            // A host without it finds its libraries by their directories.
            if error.errno != .noEntry { throw error }
        }
        list.append(
            try trees.open(
                try opened(mirror), named: mirror.path, at: String(BrokerView.mirror.dropFirst()), recursive: false))
        var own = try trees.openWritable(try opened(quarantine), named: quarantine.path)
        own.target = written
        list.append(own)
        return ConfinedProgram.View(
            runtime: paths.runtime, root: try trees.open(skeleton.root, at: "", recursive: false), trees: list,
            written: written)
    }

    private static func opened(_ tree: (file: Int32?, path: String)) throws(SystemError) -> Descriptor {
        guard let file = tree.file else { return try Trees.openPath(tree.path) }
        return Descriptor(owning: Int32(try checked("duplicate", "\"\(tree.path)\"") { sp_fdup_above(file, 64) }))
    }
}
