// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Documents
internal import Glibc
internal import LinuxSystem
package import TaskModel

/// Where sallyportd listens.
package enum ControlPlace {
    package static let name = "daemon.sock"
}

/// One question to sallyportd.
package struct ControlClient: ~Copyable {
    private let socket: Descriptor
    private var buffer: [UInt8] = []
    private let interrupts: Int32

    private static let longestAnswer = 64 << 20

    /// - Parameters:
    ///   - runtime: The directory that its socket is in.
    ///   - interrupts: A descriptor that is readable when the caller is to stop; -1 for none.
    package init(runtime: String, interrupts: Int32 = -1) throws(TaskRefusal) {
        self.interrupts = interrupts
        let connected: Int
        do throws(SystemError) {
            let directory = try Directory.open(runtime)
            connected = sp_stream_connect(directory.fd.number, ControlPlace.name)
            if connected < 0 {
                throw SystemError(
                    "reach", "sallyportd at \"\(runtime)/\(ControlPlace.name)\"", Errno(Int32(-connected)))
            }
        } catch {
            throw TaskRefusal(
                .serviceUnavailable, "\(error) Start it with: sallyportd serve.")
        }
        socket = Descriptor(owning: Int32(connected))
    }

    package func send(_ request: ControlRequest) throws(TaskRefusal) {
        let line = JSONWriter().write(request.json) + [0x0A]
        guard line.count <= ControlRequest.longestLine else {
            throw TaskRefusal(
                .validation,
                "cannot send the request: it has \(line.count) bytes, more than \(ControlRequest.longestLine). Put long texts into the repository."
            )
        }
        do throws(SystemError) { try socket.writeAll(line, subject: "to sallyportd") } catch {
            // It may have refused before it had read all: then its answer is there to be read.
            if error.errno != Errno(EPIPE) { throw TaskRefusal(.serviceUnavailable, "\(error)") }
        }
    }

    package enum Answer {
        case reply(ControlReply)
        case interrupted
    }

    /// Waits for the next line.
    package mutating func next() throws(TaskRefusal) -> Answer {
        while true {
            if let end = buffer.firstIndex(of: 0x0A) {
                let line = Array(buffer[..<end])
                buffer.removeSubrange(...end)
                return .reply(try ControlReply(line: line))
            }
            guard buffer.count < Self.longestAnswer else { throw Self.broken("its answer has no end") }
            if interrupts >= 0, sp_poll_two(socket.number, interrupts) & 2 != 0 { return .interrupted }
            do throws(SystemError) {
                let more = try socket.readSome(upTo: 65536, subject: "from sallyportd")
                if more.isEmpty { throw SystemError("read", "from sallyportd", Errno(ECONNRESET)) }
                buffer += more
            } catch { throw Self.broken("\(error)") }
        }
    }

    private static func broken(_ reason: String) -> TaskRefusal {
        TaskRefusal(
            .serviceUnavailable, "cannot hear sallyportd to the end: \(reason) The task goes on; see: sallyport status."
        )
    }
}
