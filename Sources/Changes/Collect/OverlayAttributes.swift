// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// What the overlay wrote about one file of the upper layer.
///
/// A task cannot forge these: setting `user.overlay.x` through an overlay mounted with userxattr lands in the upper as
/// `user.overlay.overlay.x` (6.7 and later) or is refused (before). Attributes that redirect a name or lend content
/// are never written with userxattr, so one of them means that our picture of the host is wrong: collecting stops.
/// Documentation/filesystems/overlayfs.rst, "Nesting overlayfs mounts", "Permission model"
struct OverlayAttributes: Equatable {
    /// Whether the directory hides what the lower layer has under its name.
    var opaque = false
    /// Whether it came from the lower layer, as it was when the session first changed it. A task's own file has no such
    /// mark, one that it wrote and then renamed over a file of the lower layer neither.
    var copied = false
    /// Whether there are attributes that will not be carried over.
    var others = false

    private static let prefix = Array("user.overlay.".utf8)
    private static let trusted = Array("trusted.overlay.".utf8)
    /// Bookkeeping that changes nothing about names or content.
    private static let harmless = ["impure", "nlink", "upper", "uuid", "protattr"].map { Array($0.utf8) }

    /// What the kernel would act on, for when the list is too long to be read.
    private static let named = ["opaque", "redirect", "metacopy", "whiteout", "whiteouts", "origin"]

    /// Reads the attributes of an open file or directory.
    static func of(_ file: Held, _ subject: @autoclosure () -> String) throws(ChangeError) -> OverlayAttributes {
        // XATTR_LIST_MAX is 64 KiB; asking with that much room never needs a second call. xattr(7)
        var list = [UInt8](repeating: 0, count: 65536)
        let result = Beneath.retry {
            list.withUnsafeMutableBytes { sp_flistxattr(file.number, $0.baseAddress!, $0.count) }
        }
        var found = OverlayAttributes()
        switch result {
        case .failure(.notSupported): return found
        case .failure(Errno(E2BIG)):
            // tmpfs holds 128 KiB of a task's attributes and the kernel lists 64: then by name. listxattr(2)
            found.others = true
            for mark in named {
                let name = prefix + Array(mark.utf8)
                if try found.isPresent(name, file, subject()) { try found.note(name, file, subject()) }
            }
        case .failure(let errno): throw ChangeError(SystemError("list", "attributes of \(subject())", errno))
        case .success(let length):
            for name in list.prefix(length).split(separator: 0) {
                try found.note(Array(name), file, subject())
            }
        }
        return found
    }

    /// Of a file that no overlay wrote: whatever its attributes are called, they only stay behind.
    static func unread(_ file: Held, _ subject: @autoclosure () -> String) throws(ChangeError) -> OverlayAttributes {
        var found = OverlayAttributes()
        // No room asked for: how long the list is.
        switch Beneath.retry({ sp_flistxattr(file.number, nil, 0) }) {
        case .success(let length): found.others = length > 0
        case .failure(.notSupported): break
        case .failure(Errno(E2BIG)): found.others = true
        case .failure(let errno): throw ChangeError(SystemError("list", "attributes of \(subject())", errno))
        }
        return found
    }

    private mutating func note(_ name: [UInt8], _ file: Held, _ subject: String) throws(ChangeError) {
        let mark: [UInt8]
        if name.starts(with: Self.prefix) {
            mark = Array(name.dropFirst(Self.prefix.count))
        } else if name.starts(with: Self.trusted) {
            mark = Array(name.dropFirst(Self.trusted.count))
            // The overlay was not mounted to read or write these: whoever did is not part of this session.
            throw Self.unexpected(name, subject, mark)
        } else {
            others = true
            return
        }
        if mark == Array("opaque".utf8) {
            guard try value(name, file, subject) == [UInt8(ascii: "y")] else {
                throw Self.unexpected(name, subject, mark)
            }
            opaque = true
        } else if mark == Array("origin".utf8) {
            copied = true
        } else if mark.starts(with: Array("overlay.".utf8)) {
            // The task's own, escaped.
            others = true
        } else if !Self.harmless.contains(mark) {
            throw Self.unexpected(name, subject, mark)
        }
    }

    private func isPresent(_ name: [UInt8], _ file: Held, _ subject: String) throws(ChangeError) -> Bool {
        let key = Beneath.terminated(name)
        switch Beneath.retry({ sp_fgetxattr(file.number, key, nil, 0) }) {
        case .success: return true
        case .failure(Errno(ENODATA)): return false
        case .failure(let errno):
            throw ChangeError(SystemError("read", "attribute \"\(escapedPath(name))\" of \(subject)", errno))
        }
    }

    private func value(_ name: [UInt8], _ file: Held, _ subject: String) throws(ChangeError) -> [UInt8] {
        var value = [UInt8](repeating: 0, count: 16)
        let key = Beneath.terminated(name)
        let length = Beneath.retry {
            value.withUnsafeMutableBytes { sp_fgetxattr(file.number, key, $0.baseAddress!, $0.count) }
        }
        switch length {
        case .success(let count): return Array(value.prefix(count))
        case .failure(let errno):
            throw ChangeError(SystemError("read", "attribute \"\(escapedPath(name))\" of \(subject)", errno))
        }
    }

    private static func unexpected(_ name: [UInt8], _ subject: String, _ mark: [UInt8]) -> ChangeError {
        ChangeError(
            .unexpectedAttribute, "collect", subject,
            "it has the attribute \"\(escapedPath(name))\", which the overlay of a session never writes so",
            remedy: "Discard the session, and report this with the kernel version.")
    }
}
