// SPDX-License-Identifier: Apache-2.0
internal import CRunner

/// Asks llm.internal: plain HTTP/1.1, one connection for each request. The session's broker is at the other end.
struct ModelConnection {
    private let shape: ModelShape

    private static let host = "llm.internal"
    private static let port = "80"
    private static let dialMilliseconds: Int64 = 30_000
    private static let sendMilliseconds: Int64 = 60_000
    /// The broker gives its upstream 300 s for each byte, and an hour for all of them.
    private static let idleMilliseconds: Int64 = 330_000
    private static let answerMilliseconds: Int64 = 3_700_000

    init(_ shape: ModelShape) { self.shape = shape }

    func send(_ body: [UInt8]) -> Sent {
        let dialled = sp_dial(Self.host, Self.port, sp_milliseconds() + Self.dialMilliseconds)
        guard dialled >= 0 else {
            if dialled == -Int(SP_NO_SUCH_NAME) {
                return .nobody("there is no \(Self.host) in this sandbox; start the task with --model FILE")
            }
            return .broken("cannot connect to \(Self.host): \(errorText(dialled))")
        }
        let fd = Int32(dialled)
        defer { sp_close(fd) }
        var request = "POST \(shape.path) HTTP/1.1\r\nhost: \(Self.host)\r\nuser-agent: sallyport-agent\r\n"
        request += "content-type: application/json\r\naccept: application/json\r\ncontent-length: \(body.count)\r\n"
        for field in shape.fields { request += "\(field.name): \(field.value)\r\n" }
        let bytes = Array((request + "connection: close\r\n\r\n").utf8) + body
        let sent = bytes.withUnsafeBufferPointer { buffer in
            buffer.withMemoryRebound(to: CChar.self) {
                sp_send_all(fd, $0.baseAddress!, $0.count, sp_milliseconds() + Self.sendMilliseconds)
            }
        }
        // A broker that refuses a request may not have read all of it: what it says is looked at all the same.
        do throws(HTTPAnswerReader.Flaw) { return try receive(fd) } catch {
            let reason =
                sent < 0
                ? "the request was not taken: \(errorText(sent))" : "the answer cannot be read: \(error.reason)"
            return .broken(reason)
        }
    }

    private func receive(_ fd: Int32) throws(HTTPAnswerReader.Flaw) -> Sent {
        var reader = HTTPAnswerReader()
        var buffer = [CChar](repeating: 0, count: 64 << 10)
        let last = sp_milliseconds() + Self.answerMilliseconds
        while true {
            let deadline = min(last, sp_milliseconds() + Self.idleMilliseconds)
            let got = buffer.withUnsafeMutableBufferPointer { sp_receive(fd, $0.baseAddress!, $0.count, deadline) }
            if got < 0 { return .broken("the answer stopped: \(errorText(got))") }
            if got == 0 { return .answered(try reader.finish()) }
            if let answer = try reader.append(buffer[..<got].map { UInt8(bitPattern: $0) }[...]) {
                return .answered(answer)
            }
        }
    }
}
