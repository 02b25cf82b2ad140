// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// The bytes of a credential, overwritten when nobody needs them any more.
package final class Secret: CustomStringConvertible, CustomReflectable {
    // Not Sendable: it is read and used in one place.
    private let memory: UnsafeMutableRawBufferPointer

    /// So many zeros, to be written over.
    package init(room count: Int) {
        memory = .allocate(byteCount: count, alignment: 16)
        memory.initializeMemory(as: UInt8.self, repeating: 0)
    }

    /// Of bytes that are no secret, where one is wanted.
    package convenience init(copying bytes: [UInt8]) { self.init(bytes) }

    package init(_ bytes: some Collection<UInt8>) {
        memory = .allocate(byteCount: bytes.count, alignment: 1)
        memory.copyBytes(from: bytes)
    }

    /// One behind the other.
    package convenience init(joining parts: [Secret]) {
        self.init(room: parts.reduce(0) { $0 + $1.count })
        var start = 0
        for part in parts {
            part.withBytes { bytes in
                guard !bytes.isEmpty else { return }
                UnsafeMutableRawBufferPointer(rebasing: memory[start...]).copyMemory(from: bytes)
            }
            start += part.count
        }
    }

    deinit {
        // One that the optimiser may not leave out. explicit_bzero(3)
        if let start = memory.baseAddress { explicit_bzero(start, memory.count) }
        memory.deallocate()
    }

    package var count: Int { memory.count }

    package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        body(UnsafeRawBufferPointer(memory))
    }

    package func withMutableBytes<Result>(_ body: (UnsafeMutableRawBufferPointer) -> Result) -> Result { body(memory) }

    /// Reads until the file's end or until there is no room; how many bytes came.
    func fill(from file: borrowing Descriptor) throws(SystemError) -> Int {
        var done = 0
        let fd = file.number
        while done < count {
            let got = try checked("read", "the credential") {
                sp_read(fd, memory.baseAddress! + done, count - done)
            }
            if got == 0 { break }
            done += got
        }
        return done
    }

    /// The first bytes as one line of printable characters, without an editor's line end; nil when they are none.
    ///
    /// - Parameter asLines: Several lines are one secret.
    func text(_ length: Int, asLines: Bool) -> Secret? {
        var text = memory[..<length]
        if text.last == 0x0A { text = text.dropLast() }
        let isText = text.allSatisfy { $0 >= 0x20 && $0 != 0x7F || asLines && ($0 == 0x0A || $0 == 0x0D) }
        return text.isEmpty || !isText ? nil : Secret(text)
    }

    package var description: String { "<a secret>" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
