// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import LinuxSystem

/// A DSSE envelope with one signature, in one spelling.
///
///     {
///       "payload": "<base64 of the statement>",
///       "payloadType": "application/vnd.in-toto+json",
///       "signatures": [
///         {
///           "keyid": "<sha256 of the public key>",
///           "sig": "<base64 of 64 bytes>"
///         }
///       ]
///     }
///
/// Another order, blank or escape is another file, and is refused: each byte of it counts.
/// - SeeAlso: https://github.com/secure-systems-lab/dsse, envelope.md and protocol.md.
package struct Envelope: Equatable, Sendable {
    package static let payloadType = "application/vnd.in-toto+json"
    package static let largest = 1 << 20

    package let payload: [UInt8]
    package let keyID: String
    package let signature: [UInt8]

    package init(payload: [UInt8], keyID: String, signature: [UInt8]) {
        self.payload = payload
        self.keyID = keyID
        self.signature = signature
    }

    package init(_ bytes: [UInt8]) throws(Flaw) {
        let json: JSON
        do throws(JSONParser.Failure) { json = try JSONParser.parse(bytes) } catch {
            throw Flaw("it is no JSON: \(error.reason) at byte \(error.offset)")
        }
        guard json["payloadType"]?.stringValue == Self.payloadType,
            let payload = json["payload"]?.stringValue.flatMap({ Base64.decode($0.utf8) }),
            let first = json["signatures"]?.arrayValue?.first, let keyID = first["keyid"]?.stringValue,
            let signature = first["sig"]?.stringValue.flatMap({ Base64.decode($0.utf8) })
        else { throw Flaw("it is no DSSE envelope of an in-toto statement with a signature and a key id") }
        self.init(payload: payload, keyID: keyID, signature: signature)
        // What was not looked at above, a second signature for one, shows here.
        guard self.bytes == bytes else { throw Flaw("it is not spelled as it was written") }
    }

    package var bytes: [UInt8] {
        JSONWriter(pretty: true).write([
            "payload": .text(Base64.encode(payload)), "payloadType": .string(Self.payloadType),
            "signatures": [["keyid": .string(keyID), "sig": .text(Base64.encode(signature))]],
        ]) + [0x0A]
    }

    /// The bytes that are signed: type and payload, each with its length. protocol.md, PAE
    package static func signedBytes(_ payload: [UInt8]) -> [UInt8] {
        Array("DSSEv1 \(payloadType.utf8.count) \(payloadType) \(payload.count) ".utf8) + payload
    }
}
