// SPDX-License-Identifier: Apache-2.0
package import Policy

/// Everything that decides how one sandbox is made, with every path already opened.
///
/// Numbers are descriptors of the supervisor, kept open by their owner until the launch has returned.
package struct SandboxSpec: Sendable {
    package struct Tree: Sendable {
        /// Detached clone of the source (host mode), or -1 when the child clones `source` itself (rootless).
        package var descriptor: Int32
        /// The source itself, as a path only, where there is no clone; else -1.
        package var opened: Int32 = -1
        package var source: String
        package var device: UInt64
        package var inode: UInt64
        package var isDirectory: Bool
        /// It has an id map already, other than the session's own.
        package var isMapped = false
        /// Where it appears inside, without the leading slash.
        package var target: String
        package init(
            descriptor: Int32, source: String, device: UInt64, inode: UInt64, isDirectory: Bool, target: String
        ) {
            self.descriptor = descriptor
            self.source = source
            self.device = device
            self.inode = inode
            self.isDirectory = isDirectory
            self.target = target
        }
    }

    package enum Workspace: Sendable {
        /// An empty writable directory of the given size.
        case empty
        /// The caller's tree below, changes above; permissions are those of the tree's own top directory. Changes go
        /// to `upper`, a directory on disk, or to a tmpfs when that is nil.
        case overlay(Tree, permissions: UInt32, upper: Tree?)
        /// The caller's tree, read-only by mount.
        case readOnly(Tree)
    }

    package var session: String
    package var mode: Mode
    package var limits: Limits
    package var filesystem: FilesystemPolicy
    package var landlock: LandlockRequirement
    package var landlockABI: Int
    package var filter: CompiledFilter
    package var runtime: String
    package var root: Tree
    package var dev: Tree
    /// /usr and the few parts of /etc.
    package var systemTrees: [Tree]
    package var mounts: [Tree]
    package var workspace: Workspace
    package var cgroupJoin: [Int32]
    package var cgroupInto: Int32
    package var unshareCgroup: Bool
    /// Descriptors for 0, 1, 2; nil means the session's own terminal.
    package var standard: [Int32?]
    package var export: Int32?
    package var frames: Int32?
    /// What the network namespace has beside `lo`; nil for a session that nothing may leave.
    package var network: NetworkPlan?
    package var argv: [[UInt8]]
    package var environment: [[UInt8]]

    /// Whether the supervisor makes the network namespace, see ``SessionNetwork``; else the child does.
    package var networkIsMade: Bool { mode == .host }
    package var wantsTerminal: Bool { standard.contains { $0 == nil } }
    /// Inside id of everything that the workload runs as.
    package static let agent: UInt32 = 1000

    package init(
        session: String, mode: Mode, profile: Profile, landlockABI: Int, filter: CompiledFilter, runtime: String,
        root: Tree, dev: Tree, systemTrees: [Tree], mounts: [Tree], workspace: Workspace, argv: [[UInt8]],
        environment: [[UInt8]]
    ) {
        self.session = session
        self.mode = mode
        limits = profile.limits
        filesystem = profile.filesystem
        landlock = profile.landlock
        self.landlockABI = landlockABI
        self.filter = filter
        self.runtime = runtime
        self.root = root
        self.dev = dev
        self.systemTrees = systemTrees
        self.mounts = mounts
        self.workspace = workspace
        cgroupJoin = []
        cgroupInto = -1
        unshareCgroup = false
        standard = [-1, -1, -1]
        self.argv = argv
        self.environment = environment
    }
}
