// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import LinuxSystem

/// A file with objects, read by place: nothing of it is mapped, so that who cuts it meanwhile changes bytes and no more.
final class LeftFile {
    private let descriptor: Descriptor

    private static let piece = 1 << 14

    init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }

    func read(at place: Int, _ count: Int) throws(LeftFlaw) -> [UInt8] {
        let number = descriptor.number
        var got = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            got = Int(sp_pread(number, buffer.baseAddress!, count, Int64(place)))
            filled = max(0, got)
        }
        guard got >= 0 else { throw LeftFlaw(reason: "the file cannot be read (\(Errno(Int32(-got))))") }
        return bytes
    }

    /// Unpacks the stream that begins at a place.
    func reader(at place: Int) throws(LeftFlaw) -> ZlibReader {
        var next = place
        return try ZlibReader { () throws(LeftFlaw) in
            let bytes = try self.read(at: next, Self.piece)
            next += bytes.count
            return bytes
        }
    }
}
