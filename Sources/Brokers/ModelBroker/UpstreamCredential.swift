// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem
internal import Policy

/// How an upstream knows the operator, with the secrets that it takes.
enum UpstreamCredential {
    /// The whole field, with a zero behind it, and the secret in it.
    case field(Secret, of: Secret)
    case signature(RequestSignature)

    /// - Parameter secrets: In the order of ``ModelService/Authorization/credentials``.
    init(_ authorization: ModelService.Authorization, _ secrets: ArraySlice<Secret>) throws(ModelBroker.Unusable) {
        guard secrets.count == authorization.credentials.count, let first = secrets.first else {
            throw ModelBroker.Unusable(text: "there is not one secret for each credential")
        }
        switch authorization {
        case .field(let scheme, _):
            let name =
                switch scheme {
                case .key, .googleKey: "\(scheme.rawValue): "
                case .bearer: "Authorization: Bearer "
                }
            self = .field(Self.line(name, first), of: first)
        case .signature(let signature):
            let accessKey = first.withBytes { String(decoding: $0, as: UTF8.self) }
            guard (4...128).contains(accessKey.utf8.count), accessKey.utf8.allSatisfy(Self.isKeyByte) else {
                throw ModelBroker.Unusable(text: "what access_key_id names is no id of a key: letters and digits only")
            }
            let rest = Array(secrets.dropFirst())
            self = .signature(
                RequestSignature(
                    accessKey: accessKey, secretKey: rest[0], token: rest.count > 1 ? rest[1] : nil,
                    region: signature.region))
        }
    }

    /// What must be in no answer.
    var secrets: [Secret] {
        switch self {
        case .field(_, let secret): [secret]
        case .signature(let signature): [signature.secretKey] + (signature.token.map { [$0] } ?? [])
        }
    }

    /// The fields that one request is known by, each with a zero behind it.
    ///
    /// - Parameter seconds: The time, for a signature.
    func lines(for request: AdmittedRequest, to origin: ModelOrigin, at seconds: UInt64) -> [Secret] {
        switch self {
        case .field(let line, _): return [line]
        case .signature(let signature):
            let time = RequestSignature.time(seconds)
            // Only what nobody on the way changes, and what AWS wants.
            var fields = [ModelField("host", origin.hostField), ModelField("x-amz-date", time)]
            fields += request.fields.filter { $0.name == "content-type" }
            var lines = [Self.line("X-Amz-Date: \(time)")]
            if let token = signature.token {
                fields.append(
                    ModelField("x-amz-security-token", token.withBytes { String(decoding: $0, as: UTF8.self) }))
                lines.append(Self.line("X-Amz-Security-Token: ", token))
            }
            let value = signature.authorization(
                method: request.method, path: origin.path + request.path, fields: fields, body: request.body,
                time: time)
            return lines + [Self.line("Authorization: \(value)")]
        }
    }

    private static func line(_ text: String, _ secret: Secret? = nil) -> Secret {
        Secret(joining: [Secret(copying: Array(text.utf8))] + (secret.map { [$0] } ?? []) + [Secret(room: 1)])
    }

    private static func isKeyByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
