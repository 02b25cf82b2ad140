// SPDX-License-Identifier: Apache-2.0
internal import Egress

/// Why there is no request.
enum MissingHead: Error {
    /// The client went away before it had asked for anything.
    case nothing
    case timedOut
    case malformed(HTTPRefusal)
}

extension ClientConnection {
    /// Reads one request's head, and what came behind it.
    mutating func head(within seconds: UInt64) throws(MissingHead) -> (RequestHead, rest: [UInt8]) {
        var reader = RequestHeadReader()
        let deadline = Self.now + seconds * 1_000_000_000
        while true {
            let bytes: [UInt8]
            do throws(Failure) { bytes = try receive(until: deadline) } catch {
                throw error == .timedOut ? .timedOut : .nothing
            }
            if bytes.isEmpty { throw .nothing }
            switch reader.append(bytes.span) {
            case .needMore: continue
            case .head(let head): return (head, reader.rest)
            case .refused(let reason): throw .malformed(reason)
            }
        }
    }
}
