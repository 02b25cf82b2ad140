// SPDX-License-Identifier: Apache-2.0
internal import CLinux
package import Documents
internal import Glibc
package import LinuxSystem

/// A document that is handed to another process in memory, and that nobody can change any more.
package enum SealedDocument {
    /// Writes a document that its reader can rely on not to change. memfd_create(2), F_ADD_SEALS
    package static func make(_ json: JSON, name: String) throws(SystemError) -> Descriptor {
        try make(JSONWriter().write(json), name: name)
    }

    /// The same of bytes that are passed on unread.
    package static func make(_ bytes: [UInt8], name: String) throws(SystemError) -> Descriptor {
        let file = Descriptor(owning: Int32(try checked("make", "the \(name)") { sp_memfd(name) }))
        try file.writeAll(bytes, subject: "the \(name)")
        let fd = file.number
        try checked("seal", "the \(name)") { sp_add_seals(fd) }
        // The receiver shares the offset.
        try checked("rewind", "the \(name)") { Int(lseek(fd, 0, SEEK_SET)) }
        return file
    }

    /// A secret as a file in memory that only its receiver has.
    package static func make(_ secret: Secret, name: String) throws(SystemError) -> Descriptor {
        let file = Descriptor(owning: Int32(try checked("make", "the \(name)") { sp_memfd(name) }))
        let fd = file.number
        let wrote = try checked("write", "the \(name)") {
            secret.withBytes { sp_write(fd, $0.baseAddress!, $0.count) }
        }
        guard wrote == secret.count else { throw SystemError("write", "the \(name)", .noSpace) }
        try checked("seal", "the \(name)") { sp_add_seals(fd) }
        try checked("rewind", "the \(name)") { Int(lseek(fd, 0, SEEK_SET)) }
        return file
    }

    /// Reads a document that came from another process.
    ///
    /// Sealed first: any other file could change while it is read, or make its reader wait.
    static func read(_ file: borrowing Descriptor, limit: Int, name: String) throws(SystemError) -> JSON {
        let bytes = try bytes(of: file, limit: limit, name: name)
        do throws(DocumentError) { return try JSON.read(bytes, file: name) } catch {
            throw SystemError("read", "the \(name)", .invalid, remedy: error.description)
        }
    }

    /// What stands in one, to be read by a reader of its own.
    package static func bytes(of file: borrowing Descriptor, limit: Int, name: String) throws(SystemError) -> [UInt8] {
        guard sp_is_sealed(file.number) == 1 else {
            throw SystemError("read", "the \(name)", .invalid, remedy: "It must be a sealed file in memory.")
        }
        let fd = file.number
        try checked("rewind", "the \(name)") { Int(lseek(fd, 0, SEEK_SET)) }
        return try file.readAll(limit: limit, subject: "the \(name)")
    }
}
