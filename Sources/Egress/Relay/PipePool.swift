// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import LinuxSystem

/// A pipe through which bytes pass from one socket to another without being read.
struct RelayPipe {
    let reader: Int32
    let writer: Int32
    let capacity: Int

    func close() {
        _ = sp_close(reader)
        _ = sp_close(writer)
    }
}

/// Pipes for all directions of a session: one is taken only while bytes are in it.
///
/// An ordinary user's pipes shrink to two pages once 64 MiB are in use (pipe(7), pipe-user-pages-soft), so that idle
/// connections must hold none.
final class PipePool {
    private var idle: [RelayPipe] = []
    private static let mostIdle = 16
    /// Larger pipes halve the system calls of a bulk transfer; a kernel that refuses leaves them at 64 KiB.
    private static let wantedCapacity: Int32 = 1 << 19

    func take() throws(SystemError) -> RelayPipe {
        if let pipe = idle.popLast() { return pipe }
        var ends: [Int32] = [-1, -1]
        try checked("create", "a relay pipe") {
            ends.withUnsafeMutableBufferPointer { sp_pipe($0.baseAddress!, 0o4000) }
        }
        let grown = sp_set_pipe_size(ends[1], Self.wantedCapacity)
        return RelayPipe(reader: ends[0], writer: ends[1], capacity: grown > 0 ? grown : 65_536)
    }

    /// Takes back an empty pipe.
    func give(_ pipe: RelayPipe) {
        if idle.count < Self.mostIdle { idle.append(pipe) } else { pipe.close() }
    }

    deinit { for pipe in idle { pipe.close() } }
}
