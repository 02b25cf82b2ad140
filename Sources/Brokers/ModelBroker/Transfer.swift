// SPDX-License-Identifier: Apache-2.0
internal import CCurl
internal import CLinux
internal import Egress
internal import Glibc
internal import LinuxSystem
internal import Policy

/// Hears of one transfer, in this order: its head, pieces of its body, its end.
protocol TransferTaker: AnyObject {
    /// False ends the transfer.
    func take(head: ModelAnswerHead) -> Bool
    /// Takes a piece whole, or not at all for now.
    func take(body: UnsafeRawBufferPointer) -> Transfer.Taken
    func ended(_ result: Transfer.Result)
}

/// One request to an upstream: sent as it is, to an address that was vetted, and to no other.
///
/// No redirect is followed, no proxy asked, no name looked up, no connection used a second time: a request that is
/// repeated on a new connection because the old one had died could be charged twice.
final class Transfer {
    enum Taken { case taken, later, never }

    enum Result: Equatable {
        case complete
        /// Nothing of the request has left this process.
        case notSent(String)
        /// The upstream may have seen it.
        case cut(String)
        /// By this side.
        case ended
    }

    /// What all transfers to one origin have in common.
    struct Settings {
        let origin: ModelOrigin
        /// nil without TLS.
        let authorities: Authorities?
        let connectSeconds: UInt32
        let idleSeconds: UInt32
    }

    let handle: UnsafeMutableRawPointer
    private let body: UnsafeMutableRawBufferPointer
    private var lists: [UnsafeMutablePointer<curl_slist>] = []
    private let addresses: Set<IPAddress>
    private let port: UInt16
    private weak var taker: (any TransferTaker)?
    private var head: ModelAnswerHead?
    private var fieldCount = 0
    private var hasHead = false
    private var isPaused = false

    private static let mostFields = 200

    /// - Parameters:
    ///   - addresses: The vetted ones, in the order in which they are tried.
    ///   - credential: Whole fields, each with a zero behind it.
    init?(
        _ settings: Settings, _ addresses: [IPAddress], method: String, path: String, fields: [ModelField],
        body content: [UInt8], credential: [Secret], _ taker: any TransferTaker
    ) {
        guard let handle = curl_easy_init() else { return nil }
        self.handle = handle
        self.taker = taker
        self.addresses = Set(addresses)
        port = settings.origin.port
        body = .allocate(byteCount: max(1, content.count), alignment: 1)
        body.copyBytes(from: content)
        let url = settings.origin.description + path
        guard configure(settings), set(CURLOPT_URL, url), request(method, content.count),
            resolve(settings.origin, addresses), send(fields, credential)
        else { return nil }
    }

    deinit {
        curl_easy_cleanup(handle)
        for list in lists { Self.free(list) }
        body.deallocate()
    }

    // MARK: Set-up

    private func set(_ option: CURLoption, _ value: Int) -> Bool { sp_curl_set_long(handle, option, value) == CURLE_OK }

    private func set(_ option: CURLoption, _ value: String) -> Bool {
        value.withCString { sp_curl_set_pointer(handle, option, $0) } == CURLE_OK
    }

    private func configure(_ settings: Settings) -> Bool {
        let own = Unmanaged.passUnretained(self).toOpaque()
        let scheme = settings.origin.isTLS ? "https" : "http"
        return set(CURLOPT_PROTOCOLS_STR, scheme) && set(CURLOPT_REDIR_PROTOCOLS_STR, scheme)
            && set(CURLOPT_FOLLOWLOCATION, 0) && set(CURLOPT_PROXY, "") && set(CURLOPT_NOPROXY, "*")
            && set(CURLOPT_NETRC, 0) && set(CURLOPT_PATH_AS_IS, 1) && set(CURLOPT_NOSIGNAL, 1)
            && set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1) && set(CURLOPT_HTTP09_ALLOWED, 0)
            && set(CURLOPT_FORBID_REUSE, 1) && set(CURLOPT_FRESH_CONNECT, 1) && set(CURLOPT_TCP_KEEPALIVE, 1)
            && set(CURLOPT_CONNECTTIMEOUT, Int(settings.connectSeconds)) && set(CURLOPT_LOW_SPEED_LIMIT, 1)
            && set(CURLOPT_LOW_SPEED_TIME, Int(settings.idleSeconds)) && set(CURLOPT_SSL_VERIFYPEER, 1)
            && set(CURLOPT_SSL_VERIFYHOST, 2) && set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
            // A directory of certificates would be read whole for each connection.
            && sp_curl_set_pointer(handle, CURLOPT_CAPATH, nil) == CURLE_OK
            && set(CURLOPT_CAINFO, settings.authorities?.path ?? "")
            && sp_curl_set_pointer(handle, CURLOPT_HEADERDATA, own) == CURLE_OK
            && sp_curl_set_receive(handle, CURLOPT_HEADERFUNCTION, receiveField) == CURLE_OK
            && sp_curl_set_pointer(handle, CURLOPT_WRITEDATA, own) == CURLE_OK
            && sp_curl_set_receive(handle, CURLOPT_WRITEFUNCTION, receiveBody) == CURLE_OK
            && sp_curl_set_open(handle, openSocket, own) == CURLE_OK
    }

    private func request(_ method: String, _ count: Int) -> Bool {
        if method == "GET" { return set(CURLOPT_HTTPGET, 1) }
        return set(CURLOPT_POST, 1) && sp_curl_set_pointer(handle, CURLOPT_POSTFIELDS, body.baseAddress) == CURLE_OK
            && sp_curl_set_off(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(count)) == CURLE_OK
    }

    /// Puts the vetted addresses where libcurl looks before it asks anybody. CURLOPT_RESOLVE(3)
    private func resolve(_ origin: ModelOrigin, _ addresses: [IPAddress]) -> Bool {
        guard case .name(let name) = origin.host else { return true }
        let list = addresses.map { if case .v6 = $0 { "[\($0)]" } else { "\($0)" } }.joined(separator: ",")
        guard let entry = curl_slist_append(nil, "\(name.text):\(origin.port):\(list)") else { return false }
        lists.append(entry)
        return sp_curl_set_pointer(handle, CURLOPT_RESOLVE, entry) == CURLE_OK
    }

    private func send(_ fields: [ModelField], _ credential: [Secret]) -> Bool {
        var list: UnsafeMutablePointer<curl_slist>?
        // Without "Expect" there is no second of waiting.
        for line in ["Expect:", "Connection: close"] + fields.map({ "\($0.name): \($0.value)" }) {
            list = curl_slist_append(list, line) ?? list
        }
        for line in credential {
            line.withBytes { bytes in
                list = curl_slist_append(list, bytes.baseAddress!.assumingMemoryBound(to: CChar.self)) ?? list
            }
        }
        guard let list else { return false }
        lists.append(list)
        return sp_curl_set_pointer(handle, CURLOPT_HTTPHEADER, list) == CURLE_OK
    }

    private static func free(_ list: UnsafeMutablePointer<curl_slist>) {
        var item: UnsafeMutablePointer<curl_slist>? = list
        while let current = item {
            if let data = current.pointee.data { explicit_bzero(data, strlen(data)) }
            item = current.pointee.next
        }
        curl_slist_free_all(list)
    }

    // MARK: Use

    /// Goes on after a piece was refused for a while; the piece comes again first.
    func goOn() {
        guard isPaused else { return }
        isPaused = false
        _ = curl_easy_pause(handle, CURLPAUSE_CONT)
    }

    func ended(_ code: CURLcode) {
        var sent = 0
        _ = sp_curl_get_long(handle, CURLINFO_REQUEST_SIZE, &sent)
        let words = String(cString: curl_easy_strerror(code))
        switch code {
        case CURLE_OK: taker?.ended(hasHead ? .complete : .cut("the answer has no head"))
        case CURLE_WRITE_ERROR: taker?.ended(.ended)
        default: taker?.ended(sent == 0 ? .notSent(words) : .cut(words))
        }
    }

    /// The connection's own answer to a connection to somewhere else is none.
    fileprivate func open(_ address: UnsafeMutablePointer<curl_sockaddr>) -> curl_socket_t {
        let family = address.pointee.family
        let raw = sp_curl_address(address)
        let target: (IPAddress?, UInt16)
        switch family {
        case AF_INET:
            let value = raw.loadUnaligned(as: sockaddr_in.self)
            target = (withUnsafeBytes(of: value.sin_addr) { IPAddress(bytes: $0) }, UInt16(bigEndian: value.sin_port))
        case AF_INET6:
            let value = raw.loadUnaligned(as: sockaddr_in6.self)
            target = (withUnsafeBytes(of: value.sin6_addr) { IPAddress(bytes: $0) }, UInt16(bigEndian: value.sin6_port))
        default: return sp_curl_no_socket
        }
        guard let wanted = target.0, addresses.contains(wanted), target.1 == port else { return sp_curl_no_socket }
        let made = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        return made >= 0 ? made : sp_curl_no_socket
    }

    // MARK: Answers

    fileprivate func field(_ bytes: UnsafeRawBufferPointer) -> Bool {
        // What follows a body would be trailers.
        guard !hasHead else { return true }
        var line = bytes[...]
        while let last = line.last, last == 0x0D || last == 0x0A { line = line.dropLast() }
        if line.isEmpty {
            // Interim answers have heads of their own.
            guard let head, head.status >= 200 else { return true }
            hasHead = true
            return taker?.take(head: head) ?? false
        }
        fieldCount += 1
        guard fieldCount <= Self.mostFields, line.allSatisfy({ $0 == 0x09 || (0x20...0x7E).contains($0) }) else {
            return false
        }
        let text = String(decoding: line, as: UTF8.self)
        if text.hasPrefix("HTTP/") {
            let parts = text.split(separator: " ", maxSplits: 2)
            guard parts.count >= 2, let status = Int(parts[1]) else { return false }
            head = ModelAnswerHead(status: status, fields: [])
        } else if let colon = text.firstIndex(of: ":") {
            let value = text[text.index(after: colon)...]
            head?.fields.append(ModelField(text[..<colon].lowercased(), String(value.trimmed)))
        } else {
            return false
        }
        return true
    }

    fileprivate func piece(_ bytes: UnsafeRawBufferPointer) -> Taken {
        let taken = taker?.take(body: bytes) ?? .never
        isPaused = taken == .later
        return taken
    }
}

extension Substring {
    fileprivate var trimmed: Substring {
        var rest = self
        while rest.first == " " || rest.first == "\t" { rest = rest.dropFirst() }
        while rest.last == " " || rest.last == "\t" { rest = rest.dropLast() }
        return rest
    }
}

private func transfer(_ context: UnsafeMutableRawPointer?) -> Transfer? {
    context.map { Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
}

private func receiveField(
    _ bytes: UnsafeMutablePointer<CChar>, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
    let piece = UnsafeRawBufferPointer(start: bytes, count: size * count)
    return transfer(context)?.field(piece) == true ? piece.count : 0
}

private func receiveBody(
    _ bytes: UnsafeMutablePointer<CChar>, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
    let piece = UnsafeRawBufferPointer(start: bytes, count: size * count)
    switch transfer(context)?.piece(piece) {
    case .taken: return piece.count
    case .later: return sp_curl_write_pause
    case .never, nil: return 0
    }
}

private func openSocket(
    _ context: UnsafeMutableRawPointer?, _ purpose: curlsocktype, _ address: UnsafeMutablePointer<curl_sockaddr>
) -> curl_socket_t {
    transfer(context)?.open(address) ?? sp_curl_no_socket
}
