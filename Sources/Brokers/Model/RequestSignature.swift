// SPDX-License-Identifier: Apache-2.0
package import LinuxSystem

/// The signature that AWS asks for, over everything of a request that its sender means.
///
/// A pure function of its inputs: the time comes from the caller. The secret key is in none of its results, and a session's
/// token only in the field that is sent.
///
/// - SeeAlso: AWS Identity and Access Management User Guide, "Create a signed AWS API request".
package struct RequestSignature {
    package let accessKey: String
    package let secretKey: Secret
    /// Of credentials that end; AWS knows them by it.
    package let token: Secret?
    package let region: String
    package let service: String

    package init(
        accessKey: String, secretKey: Secret, token: Secret? = nil, region: String, service: String = "bedrock"
    ) {
        self.accessKey = accessKey
        self.secretKey = secretKey
        self.token = token
        self.region = region
        self.service = service
    }

    /// The value of the Authorization field.
    ///
    /// - Parameters:
    ///   - path: As it goes onto the wire; its escapes are escaped once more, as every service but S3 has it.
    ///   - query: Pairs that are not escaped yet.
    ///   - fields: Those that are signed; Host and `x-amz-date` have to be among them, and a token of a session where there
    ///     is one.
    ///   - time: `20150830T123600Z`, the value of `x-amz-date`.
    package func authorization(
        method: String, path: String, query: [(name: String, value: String)] = [], fields: [ModelField],
        body: [UInt8], time: String
    ) -> String {
        let names = Dictionary(grouping: fields, by: { $0.name.lowercased() })
        let signed = names.keys.sorted()
        let headers = signed.map { name in
            "\(name):\(names[name, default: []].map { Self.trimmed($0.value) }.joined(separator: ","))\n"
        }.joined()
        let pairs = query.map { (PercentText.encoded($0.name), PercentText.encoded($0.value)) }
            .sorted { $0 < $1 }.map { "\($0)=\($1)" }.joined(separator: "&")
        let request = [
            method, PercentText.encoded(path, keepingSlashes: true), pairs, headers, signed.joined(separator: ";"),
            Digest.sha256(body),
        ].joined(separator: "\n")
        let day = String(time.prefix(8))
        let scope = "\(day)/\(region)/\(service)/aws4_request"
        let text = "AWS4-HMAC-SHA256\n\(time)\n\(scope)\n\(Digest.sha256(Array(request.utf8)))"
        let signature = KeyedDigest.sha256(Array(text.utf8), key: key(day: day))
        return "AWS4-HMAC-SHA256 Credential=\(accessKey)/\(scope), SignedHeaders=\(signed.joined(separator: ";")), "
            + "Signature=\(signature.withBytes { Self.hexadecimal($0) })"
    }

    /// A key for one day, one region and one service.
    private func key(day: String) -> Secret {
        let first = Secret(joining: [Secret(Array("AWS4".utf8)), secretKey])
        return [day, region, service, "aws4_request"].reduce(first) { key, part in
            KeyedDigest.sha256(Array(part.utf8), key: key)
        }
    }

    /// Without blanks around it, and with one where there are several.
    private static func trimmed(_ value: String) -> String {
        value.split(whereSeparator: { $0 == " " || $0 == "\t" }).joined(separator: " ")
    }

    private static func hexadecimal(_ bytes: UnsafeRawBufferPointer) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}

extension RequestSignature {
    /// The time of a signature: `20150830T123600Z`.
    ///
    /// - Parameter seconds: Since 1970, in UTC.
    package static func time(_ seconds: UInt64) -> String {
        // The civil calendar, in years that begin in March, so that a leap day is a year's last.
        let days = Int(seconds / 86400) + 719_468
        let (era, day) = (days / 146_097, days % 146_097)
        let year = (day - day / 1460 + day / 36524 - day / 146_096) / 365
        let dayOfYear = day - (365 * year + year / 4 - year / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        func digits(_ value: Int, _ count: Int = 2) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, count - text.utf8.count)) + text
        }
        let date = [
            digits(era * 400 + year + (month <= 2 ? 1 : 0), 4), digits(month),
            digits(dayOfYear - (153 * shifted + 2) / 5 + 1),
        ].joined()
        let second = Int(seconds % 86400)
        return "\(date)T\(digits(second / 3600))\(digits(second / 60 % 60))\(digits(second % 60))Z"
    }
}
