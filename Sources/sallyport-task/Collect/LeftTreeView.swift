// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// The directory to be collected, as the reading step is to see it.
///
/// For root that is a second mount of it, read-only in the kernel and without devices, set-user-id programs and
/// symlinks, in which its owner's files belong to the step's own id. The directory itself is never opened for writing.
struct LeftTreeView: ~Copyable {
    /// Who reads, in words for the record.
    enum Reader: String {
        /// An id that nothing else uses.
        case own
        /// The directory's owner, since its file system takes no id map.
        case owner
        /// The caller, who is not root.
        case caller
    }

    let descriptor: Descriptor
    let reader: Reader
    /// The id of the step; nil keeps ours.
    let identity: Confinement.Identity?

    /// - Parameters:
    ///   - path: No part of it may be a symlink: what it names must not change under us.
    ///   - own: The id of the step; nil for a caller who is not root.
    static func make(_ path: String, own: Confinement.Identity?) throws(TaskFailure) -> LeftTreeView {
        let opened = try open(path)
        guard let own else { return LeftTreeView(descriptor: opened, reader: .caller, identity: nil) }
        let status = try host { () throws(SystemError) in try FileStatus.of(opened, subject: "\"\(path)\"") }
        // A step of root's keeps root's id and nothing of its power; it reads what lies in the view and no more.
        let owner: Confinement.Identity? = status.uid == 0 ? nil : .init(user: status.uid, group: status.gid)
        let made = sp_task_view(opened.number)
        guard made >= 0 else {
            guard made == -Int(EPERM) || made == -Int(ENOSYS) else {
                throw TaskFailure(SystemError("make a read-only view of", "\"\(path)\"", Errno(Int32(-made))))
            }
            return LeftTreeView(descriptor: opened, reader: .owner, identity: owner)
        }
        let view = Descriptor(owning: Int32(made))
        let isOwn = sp_task_view_as(view.number, status.uid, status.gid, own.user, own.group) == 0
        return LeftTreeView(descriptor: view, reader: isOwn ? .own : .owner, identity: isOwn ? own : owner)
    }

    private init(descriptor: consuming Descriptor, reader: Reader, identity: Confinement.Identity?) {
        self.descriptor = descriptor
        self.reader = reader
        self.identity = identity
    }

    /// Looks whether a path can be collected at all.
    static func check(_ path: String) throws(TaskFailure) { _ = try open(path) }

    private static func open(_ path: String) throws(TaskFailure) -> Descriptor {
        let rules = SP_RESOLVE_NO_SYMLINKS | SP_RESOLVE_NO_MAGICLINKS
        let result = sp_openat2(AT_FDCWD, path, UInt64(O_RDONLY | O_DIRECTORY), 0, rules)
        if result >= 0 { return Descriptor(owning: Int32(result)) }
        let errno = Errno(Int32(-result))
        throw TaskFailure(
            "open", "\"\(path)\"", "\(errno.explanation) (\(errno))",
            remedy: errno == .symlinkLoop
                ? "A part of this path is a symlink; give the real path (realpath)." : "Name the directory to collect.")
    }
}
