// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import LinuxSystem

/// The programs that lie beside this one.
package struct Programs: Sendable {
    package let directory: String

    /// The directory of the running executable.
    package static func beside() throws(SystemError) -> Programs {
        var buffer = [CChar](repeating: 0, count: 4096)
        let length = try checked("read", "\"/proc/self/exe\"") {
            buffer.withUnsafeMutableBufferPointer { sp_readlinkat(AT_FDCWD, "/proc/self/exe", $0.baseAddress!, 4095) }
        }
        let path = String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard let slash = path.lastIndex(of: "/") else { throw SystemError("use", "\"\(path)\"", .invalid) }
        return Programs(directory: String(path[..<slash]))
    }

    package init(directory: String) { self.directory = directory }

    /// A sealed copy in memory, to be executed: whatever runs it cannot write through `/proc/<pid>/exe`.
    ///
    /// CVE-2019-5736: a container's pid 1 opened its own executable, which was the host's runtime, for writing.
    package func sealed(_ name: String) throws(SystemError) -> Descriptor {
        let file = try opened(name)
        let copy = Descriptor(owning: Int32(try checked("create", "a memory file") { sp_memfd(name) }))
        while try checked("copy", "\"\(directory)/\(name)\"", { sp_sendfile(copy.number, file.number, 1 << 20) }) > 0 {}
        try checked("seal", "a memory file") { sp_add_seals(copy.number) }
        return copy
    }

    /// The program itself, for one that runs outside under an id that cannot write it.
    package func opened(_ name: String) throws(SystemError) -> Descriptor {
        try TrustedFile.open(directory + "/" + name, what: "program ")
    }
}
