// SPDX-License-Identifier: Apache-2.0
internal import Policy

/// Reads what a client says first, where a rule has to see it: the server name of TLS, or the head of a plain request.
enum HeadReader {
    /// Nothing is read: the rule lets any bytes pass.
    case none
    case tls(ClientHelloReader)
    /// Behind an accepted hello: a second one, which the server may ask for, is judged like the first.
    case following(SecondHelloReader)
    case http(RequestReader)

    enum Result {
        case more
        /// What is sent upstream for the bytes so far.
        case accepted([UInt8])
        case denied(Refusal)
    }

    /// What the client speaks, where its port or the rule says so.
    var speaks: Explanation.Language? {
        switch self {
        case .none: nil
        case .tls(let reader): reader.state == .refused(.notTLS) ? .other : .tls
        case .following: .tls
        case .http: .http
        }
    }

    /// The method of a request that was read, since an answer to HEAD has no body.
    var method: String? { if case .http(let reader) = self { reader.method } else { nil } }

    /// Whether the client's bytes behind the head go through ``body(_:)`` instead of past this process unread.
    var readsBody: Bool {
        switch self {
        case .none, .tls: false
        case .following(let reader): !reader.isDone
        case .http: true
        }
    }

    /// False while a plain request's body is not whole: then the client's end is no end of the request.
    var isWhole: Bool { if case .http(let reader) = self { reader.isWhole } else { true } }

    /// Takes the next bytes.
    ///
    /// - Parameter name: What the address stands for, which the client must name as well.
    mutating func take(_ bytes: Span<UInt8>, name: HostName?, rule: EgressRule, port: UInt16) -> Result {
        switch self {
        case .none: return .accepted(bytes.copy(0..<bytes.count))
        case .tls(var reader):
            let state = reader.append(bytes)
            self = .tls(reader)
            let result = Self.judge(state, reader.received, name, rule)
            guard case .accepted(let output) = result, case .hello(let hello) = state else { return result }
            return follow(hello, output, rest: reader.rest, rule)
        case .following: return body(bytes, rule: rule)
        case .http(var reader):
            let result = reader.take(bytes, name: name, rule: rule, port: port)
            self = .http(reader)
            return result
        }
    }

    /// What is sent upstream for bytes behind the head; denied where a request's body breaks its own framing, or a
    /// second hello names another server.
    mutating func body(_ bytes: Span<UInt8>, rule: EgressRule) -> Result {
        switch self {
        case .none, .tls: return .accepted(bytes.copy(0..<bytes.count))
        case .following(var reader):
            defer { self = .following(reader) }
            do throws(TLSRefusal) { return .accepted(try reader.take(bytes)) } catch {
                return Self.judge(.refused(error), [], nil, rule)
            }
        case .http(var reader):
            let result = reader.body(bytes, rule: rule)
            self = .http(reader)
            return result
        }
    }

    private mutating func follow(
        _ hello: ClientHello, _ output: [UInt8], rest: [UInt8], _ rule: EgressRule
    ) -> Result {
        var follower = SecondHelloReader(after: hello, allowsEncryptedHello: rule.ech == .allow)
        do throws(TLSRefusal) {
            let more = try follower.take(rest.span)
            self = .following(follower)
            return .accepted(output + more)
        } catch {
            return Self.judge(.refused(error), [], nil, rule)
        }
    }

    private static func judge(
        _ state: ClientHelloReader.State, _ received: [UInt8], _ name: HostName?, _ rule: EgressRule
    ) -> Result {
        switch state {
        case .needMore: return .more
        case .refused(let reason):
            let spelled = reason.rawValue.map { $0 == "-" ? "_" : $0 }
            return .denied(
                Refusal(
                    "tls_" + String(spelled), rule, "the first bytes are no TLS greeting that names one host",
                    remedy: reason == .encryptedHello
                        ? "Turn encrypted client hello off, or say \"ech: allow\" in the rule."
                        : "Connect with TLS and the server name \(name?.text ?? "-"), or give the rule \"tls: raw\"."))
        case .hello(let hello):
            guard hello.serverName == name?.text else {
                return .denied(
                    Refusal(
                        "tls_other_server_name", rule,
                        "the TLS server name \(hello.serverName) is not the name that was looked up, \(name?.text ?? "-")",
                        remedy: "Look up the name that you connect to; each name has its own address.",
                        isMalformed: false))
            }
            return .accepted(received)
        }
    }
}

/// One plain request: its head judged and rebuilt, its body passed by its own framing, and nothing behind it.
struct RequestReader {
    private var head = RequestHeadReader()
    private var bodyReader = BodyReader(.none)
    private(set) var method: String?
    var isWhole: Bool { bodyReader.isComplete }

    mutating func take(_ bytes: Span<UInt8>, name: HostName?, rule: EgressRule, port: UInt16) -> HeadReader.Result {
        switch head.append(bytes) {
        case .needMore: return .more
        case .refused(let reason): return .denied(Self.refusal(reason, rule))
        case .head(let request):
            method = request.method
            if let refusal = Self.judge(request, name, rule, port) { return .denied(refusal) }
            bodyReader = BodyReader(request.framing)
            var output = request.rebuilt()
            do throws(HTTPRefusal) {
                let rest = head.rest
                _ = try bodyReader.take(rest.span, into: &output)
            } catch { return .denied(Self.refusal(error, rule)) }
            return .accepted(output)
        }
    }

    mutating func body(_ bytes: Span<UInt8>, rule: EgressRule) -> HeadReader.Result {
        var output: [UInt8] = []
        do throws(HTTPRefusal) { _ = try bodyReader.take(bytes, into: &output) } catch {
            return .denied(Self.refusal(error, rule))
        }
        return .accepted(output)
    }

    private static func judge(_ request: RequestHead, _ name: HostName?, _ rule: EgressRule, _ port: UInt16) -> Refusal?
    {
        guard let name, request.isFor(name.text, port: port) else {
            return Refusal(
                "http_other_host", rule,
                "the request is for \(request.host.name), and not for the name that was looked up, \(name?.text ?? "-")",
                remedy: "Look up the name that you connect to; each name has its own address.", isMalformed: false)
        }
        guard let limits = rule.http else { return nil }
        if request.overridesItself { return refusal(.override, rule) }
        let verdict = limits.verdict(method: request.method, target: request.target)
        let message: String
        let remedy: String
        switch verdict {
        case .allowed: return nil
        case .methodNotAllowed, .pathNotAllowed:
            message = "\(request.method) of this path is not among what \"\(rule.subject)\" allows"
            remedy = "Add the method or the path to that rule (\(rule.origin)) if the task needs it."
        case .pathAmbiguous:
            message = "servers read this path in more than one way, and \"\(rule.subject)\" limits requests"
            remedy = "Ask for it without dot segments, \";\", blanks and encoded dots or slashes."
        }
        return Refusal("http_" + verdict.rawValue, rule, message, remedy: remedy, isMalformed: false)
    }

    private static func refusal(_ reason: HTTPRefusal, _ rule: EgressRule) -> Refusal {
        let spelled = String(reason.rawValue.map { $0 == "-" ? "_" : $0 })
        return Refusal(
            "http_" + spelled, rule, "the request is not plain HTTP/1.1 that every server reads alike",
            remedy: "Send one well-formed request; see docs/egress.md.", isMalformed: reason.status == .badRequest)
    }
}
