// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// A directory of one test, removed with everything in it when the test lets go of it.
package final class Scratch: Sendable {
    package let path: String

    /// TMPDIR, where the caller knows a better place than /var/tmp: the root of the virtual machine is an overlay, which
    /// takes no id map and no upper layer, so scripts/vm/run names a directory on its disk.
    package static let place = getenv("TMPDIR").map { String(cString: $0) } ?? "/var/tmp"

    /// - Parameter parent: A directory on a file system that suits the test.
    package init(in parent: String = Scratch.place) throws(HarnessError) {
        var template = Array("\(parent)/sallyport-test-XXXXXX".utf8CString)
        guard template.withUnsafeMutableBufferPointer({ mkdtemp($0.baseAddress!) }) != nil else {
            throw HarnessError("make a directory in", parent, EIO)
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // A session's processes are other users; what protects a directory of a session is its own mode.
        chmod(path, 0o755)
    }

    deinit {
        // --one-file-system: a mount that a failed test left must not be emptied.
        let removal = Command("/bin/rm", ["-rf", "--one-file-system", path])
        do {
            let done = try removal.run()
            if done.code != 0 { print("note: \(path) is left: \(done.errorText)") }
        } catch {
            print("note: \(path) is left: \(error)")
        }
    }

    package func at(_ name: String) -> String { "\(path)/\(name)" }

    @discardableResult
    package func directory(_ name: String, mode: UInt32 = 0o755) throws(HarnessError) -> String {
        guard mkdir(at(name), mode) == 0 || errnoNow() == EEXIST else {
            throw HarnessError("make directory", at(name), errnoNow())
        }
        chmod(at(name), mode)
        return at(name)
    }

    @discardableResult
    package func file(_ name: String, _ text: String = "", mode: UInt32 = 0o644) throws(HarnessError) -> String {
        try file(name, bytes: Array(text.utf8), mode: mode)
    }

    @discardableResult
    package func file(_ name: String, bytes: [UInt8], mode: UInt32 = 0o644) throws(HarnessError) -> String {
        let fd = sp_open(at(name), O_WRONLY | O_CREAT | O_TRUNC, mode)
        guard fd >= 0 else { throw HarnessError("create", at(name), Int32(-fd)) }
        defer { _ = sp_close(Int32(fd)) }
        let written = bytes.withUnsafeBytes { $0.isEmpty ? 0 : sp_write(Int32(fd), $0.baseAddress!, $0.count) }
        guard written == bytes.count else { throw HarnessError("write", at(name), EIO) }
        chmod(at(name), mode)
        return at(name)
    }

    package func symlink(_ name: String, to target: String) throws(HarnessError) {
        let made = sp_symlinkat(target, AT_FDCWD, at(name))
        guard made >= 0 else { throw HarnessError("link", at(name), Int32(-made)) }
    }

    private func errnoNow() -> Int32 { errno }
}

/// The bytes of a file; nil when there is none.
package func contents(_ path: String) -> [UInt8]? {
    let fd = sp_open(path, O_RDONLY, 0)
    guard fd >= 0 else { return nil }
    defer { _ = sp_close(Int32(fd)) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
        let n = buffer.withUnsafeMutableBytes { sp_read(Int32(fd), $0.baseAddress!, $0.count) }
        guard n > 0 else { return n == 0 ? bytes : nil }
        bytes += buffer[..<n]
    }
}

package func text(_ path: String) -> String? { contents(path).map { String(decoding: $0, as: UTF8.self) } }

/// Names in a directory, sorted; empty when there is none.
package func names(_ path: String) -> [String] {
    guard let dir = opendir(path) else { return [] }
    defer { closedir(dir) }
    var found: [String] = []
    while let entry = readdir(dir) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != "." && name != ".." { found.append(name) }
    }
    return found.sorted()
}

/// What a symbolic link says; empty when it is none.
package func linkTarget(_ path: String) -> String {
    var buffer = [CChar](repeating: 0, count: 4096)
    let length = buffer.withUnsafeMutableBufferPointer { sp_readlinkat(AT_FDCWD, path, $0.baseAddress!, $0.count) }
    return String(decoding: buffer.prefix(max(0, length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
