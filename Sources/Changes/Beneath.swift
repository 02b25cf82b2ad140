// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// An open descriptor that several values may hold; closed with the last of them.
final class Held {
    let number: Int32
    init(owning number: Int32) { self.number = number }
    deinit { _ = sp_close(number) }
}

/// File calls by bytes, below an open directory. Nothing here follows a symlink, leaves the directory or crosses into
/// another mount: both trees were written by someone else. openat2(2), CVE-2025-45582, CVE-2026-39861
enum Beneath {
    /// A NUL-terminated copy for the kernel; callers pass names without NUL.
    static func terminated(_ name: [UInt8]) -> [CChar] { name.map { CChar(bitPattern: $0) } + [0] }

    private static let resolve =
        SP_RESOLVE_BENEATH | SP_RESOLVE_NO_SYMLINKS | SP_RESOLVE_NO_MAGICLINKS | SP_RESOLVE_NO_XDEV

    /// The descriptor, or the refusal; several callers turn a refusal into a finding.
    static func open(_ dir: Int32, _ path: [UInt8], _ flags: Int32, mode: UInt32 = 0) -> Result<Held, Errno> {
        let bytes = terminated(path)
        // O_NONBLOCK: opening must not wait, whatever a name has become. O_NOCTTY: nor adopt a terminal. open(2)
        let all = UInt64(UInt32(bitPattern: flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY))
        return retry { sp_openat2(dir, bytes, all, UInt64(mode), resolve) }.map { Held(owning: Int32($0)) }
    }

    static func directory(_ dir: Int32, _ path: [UInt8]) -> Result<Held, Errno> {
        open(dir, path.isEmpty ? [UInt8(ascii: ".")] : path, O_RDONLY | O_DIRECTORY)
    }

    /// The status of one name; nil when it is absent.
    static func status(_ dir: Int32, _ name: [UInt8]) throws(ChangeError) -> FileStatus? {
        do throws(SystemError) {
            return try FileStatus.at(dir, terminated(name), subject: "\"\(escapedPath(name))\"")
        } catch {
            if error.errno == .noEntry { return nil }
            throw ChangeError(error)
        }
    }

    static func status(of file: Held, _ subject: @autoclosure () -> String) throws(ChangeError) -> FileStatus {
        do throws(SystemError) {
            return try FileStatus.at(file.number, [0], flags: SP_AT_EMPTY_PATH, subject: subject())
        } catch {
            throw ChangeError(error)
        }
    }

    /// The names in an open directory, sorted by bytes; reads from the start, so each listing has its own descriptor.
    static func names(_ directory: Held, _ subject: @autoclosure () -> String) throws(ChangeError) -> [[UInt8]] {
        try listing(directory, room: .max, subject()).names
    }

    /// What a name takes in memory beside its bytes.
    static let nameOverhead = 48

    /// The same of a directory that a task filled: no more is read once the names take `room` bytes of memory. What was
    /// read then is any part of them, and not whole.
    static func listing(
        _ directory: Held, room: Int, _ subject: @autoclosure () -> String
    ) throws(ChangeError) -> (names: [[UInt8]], isWhole: Bool) {
        var names: [[UInt8]] = []
        var bytes = 0
        var isWhole = false
        var buffer = [UInt8](repeating: 0, count: 32768)
        while bytes <= room {
            let got = try call("list", subject()) {
                buffer.withUnsafeMutableBytes { sp_getdents(directory.number, $0.baseAddress!, $0.count) }
            }
            if got == 0 {
                isWhole = true
                break
            }
            var at = 0
            // struct linux_dirent64: u64 ino, i64 off, u16 reclen, u8 type, name. getdents64(2)
            while at + 19 <= got {
                let length = Int(buffer[at + 16]) | Int(buffer[at + 17]) << 8
                let name = Array(buffer[(at + 19)..<(at + length)].prefix { $0 != 0 })
                if name != [46] && name != [46, 46] {
                    names.append(name)
                    bytes += name.count + nameOverhead
                }
                at += length
            }
        }
        return (names.sorted { $0.lexicographicallyPrecedes($1) }, isWhole)
    }

    static func linkTarget(_ dir: Int32, _ name: [UInt8]) -> Result<[UInt8], Errno> {
        let bytes = terminated(name)
        var buffer = [UInt8](repeating: 0, count: PathRules.maximumPath + 1)
        return retry {
            buffer.withUnsafeMutableBytes {
                sp_readlinkat(dir, bytes, $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
            }
        }.map { Array(buffer.prefix($0)) }
    }

    /// Reads at a position until the buffer is full or the file ends.
    static func read(_ fd: Int32, into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64, _ subject: String)
        throws(ChangeError) -> Int
    {
        var done = 0
        while done < buffer.count {
            let got = try call("read", subject) {
                sp_pread(fd, buffer.baseAddress! + done, buffer.count - done, Int64(clamping: offset) + Int64(done))
            }
            if got == 0 { break }
            done += got
        }
        return done
    }

    static func retry(_ body: () -> Int) -> Result<Int, Errno> {
        while true {
            let result = body()
            if result >= 0 { return .success(result) }
            if result != -Int(EINTR) { return .failure(Errno(Int32(-result))) }
        }
    }
}

/// `checked` of LinuxSystem with this module's error.
@discardableResult
func call(_ operation: String, _ subject: @autoclosure () -> String, _ body: () -> Int) throws(ChangeError) -> Int {
    do throws(SystemError) { return try checked(operation, subject(), body) } catch { throw ChangeError(error) }
}
