// SPDX-License-Identifier: Apache-2.0

/// What a client is told whose connection does not come about, in the protocol that it speaks.
enum Explanation {
    enum Language: String {
        case tls, http, other

        /// A guess from the first byte of a connection whose port says nothing; nil when there is none yet.
        init?(firstByte: UInt8?) {
            guard let firstByte else { return nil }
            // A handshake record, or the first letter of a method.
            self = firstByte == 0x16 ? .tls : (0x41...0x5A).contains(firstByte) ? .http : .other
        }
    }

    case denied(Refusal, event: String)
    case failed(String, String, event: String)

    /// Empty where only a reset can be understood.
    func bytes(for speaks: Language, method: String?) -> [UInt8] {
        switch (speaks, self) {
        case (.other, _): []
        case (.tls, .denied): TLSAlert.accessDenied
        case (.tls, .failed): TLSAlert.internalError
        case (.http, .denied(let refusal, let event)):
            HTTPDenial(
                refusal.isMalformed ? .badRequest : .forbidden, reason: refusal.reason, remedy: refusal.remedy,
                event: event
            ).response(to: method)
        case (.http, .failed(let reason, let detail, let event)):
            HTTPDenial(.badGateway, reason: reason, remedy: detail, event: event).response(to: method)
        }
    }
}
