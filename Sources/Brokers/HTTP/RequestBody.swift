// SPDX-License-Identifier: Apache-2.0
package import Egress

/// The body of one request as its sender meant it: framing taken off, unpacked, and never more than a limit.
package struct RequestBody {
    package enum Flaw: Error, Equatable, Sendable {
        case framing(HTTPRefusal)
        case compression(Inflater.Flaw)
        case tooLarge
        /// The connection ended first.
        case cut
    }

    private var framing: BodyReader
    private let inflater: Inflater?
    private var room: Int

    /// - Parameter limit: Bytes that may come out, whatever the request says of its length.
    package init(_ head: RequestHead, isCompressed: Bool, limit: Int) throws(Flaw) {
        framing = BodyReader(head.framing, form: .data)
        if case .length(let count) = head.framing, count > UInt64(limit) { throw .tooLarge }
        room = limit
        guard isCompressed else {
            inflater = nil
            return
        }
        do throws(Inflater.Flaw) { inflater = try Inflater(limit: limit) } catch { throw .compression(error) }
    }

    /// Whether the last byte was taken; ``end()`` says whether that is all there should be.
    package var isComplete: Bool { framing.isComplete }

    /// What the next bytes of the connection stand for; what follows the body is left out.
    package mutating func take(_ bytes: Span<UInt8>) throws(Flaw) -> [UInt8] {
        var data: [UInt8] = []
        do throws(HTTPRefusal) { _ = try framing.take(bytes, into: &data) } catch { throw .framing(error) }
        room -= data.count
        guard room >= 0 else { throw .tooLarge }
        guard let inflater else { return data }
        var output: [UInt8] = []
        do throws(Inflater.Flaw) { try inflater.take(data, into: &output) } catch {
            throw error == .tooLarge ? .tooLarge : .compression(error)
        }
        return output
    }

    /// - Throws: ``Flaw`` when the connection ended before the body did.
    package func end() throws(Flaw) {
        guard framing.isComplete else { throw .cut }
        if let inflater, !inflater.isFinished { throw .compression(.damaged) }
    }
}

extension RequestBody.Flaw {
    package var status: HTTPStatus {
        switch self {
        case .tooLarge: .contentTooLarge
        case .framing, .compression, .cut: .badRequest
        }
    }

    package var reason: String {
        switch self {
        case .framing(let refusal): "the framing of the body is malformed (\(refusal.rawValue))"
        case .compression(let flaw): flaw.rawValue
        case .tooLarge: "the body is larger than this request may have"
        case .cut: "the body was cut short"
        }
    }
}
