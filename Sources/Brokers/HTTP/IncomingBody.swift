// SPDX-License-Identifier: Apache-2.0
internal import Egress

/// A request's body as it comes: what came behind the head first, then what the client sends.
struct IncomingBody {
    enum Failure: Error, Equatable {
        case connection(ClientConnection.Failure)
        case body(RequestBody.Flaw)
    }

    private var body: RequestBody
    private var rest: [UInt8]
    private var goOn: Bool
    /// The last moment for any of it.
    private let deadline: UInt64
    private static let idleSeconds: UInt64 = 60

    /// - Parameter deadline: Nanoseconds of the monotonic clock.
    init(
        _ head: RequestHead, rest: [UInt8], isCompressed: Bool = false, limit: Int, until deadline: UInt64 = .max
    ) throws(Failure) {
        self.deadline = deadline
        do throws(RequestBody.Flaw) {
            body = try RequestBody(head, isCompressed: isCompressed, limit: limit)
        } catch { throw .body(error) }
        self.rest = rest
        goOn = head.expectsContinue && rest.isEmpty
    }

    /// The next piece, unpacked; nil at the end.
    mutating func next(_ client: inout ClientConnection) throws(Failure) -> [UInt8]? {
        while true {
            if body.isComplete && rest.isEmpty {
                do throws(RequestBody.Flaw) { try body.end() } catch { throw .body(error) }
                return nil
            }
            let piece = rest.isEmpty ? try receive(&client) : rest
            rest = []
            let data: [UInt8]
            do throws(RequestBody.Flaw) {
                if piece.isEmpty { try body.end() }
                data = try body.take(piece.span)
            } catch { throw .body(error) }
            if !data.isEmpty { return data }
        }
    }

    private mutating func receive(_ client: inout ClientConnection) throws(Failure) -> [UInt8] {
        do throws(ClientConnection.Failure) {
            if goOn { try client.send(HTTPResponse.goOn) }
            goOn = false
            return try client.receive(
                until: min(deadline, ClientConnection.now + Self.idleSeconds * 1_000_000_000))
        } catch { throw .connection(error) }
    }
}
