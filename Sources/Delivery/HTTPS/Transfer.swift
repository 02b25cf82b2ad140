// SPDX-License-Identifier: Apache-2.0
internal import CCurl
internal import Glibc
internal import LinuxSystem

/// One transfer of libcurl: its options, what they borrow, and how it ended.
struct Transfer {
    private let handle: UnsafeMutableRawPointer
    private var lines: UnsafeMutablePointer<curl_slist>?
    private var body: UnsafeMutableRawPointer?

    init(_ handle: UnsafeMutableRawPointer) { self.handle = handle }

    /// Frees what the options borrowed; the handle is used no more.
    mutating func end() {
        // libcurl does not overwrite what it frees, and a credential is among these.
        var line = lines
        while let current = line {
            if let text = current.pointee.data { explicit_bzero(text, strlen(text)) }
            line = current.pointee.next
        }
        curl_slist_free_all(lines)
        lines = nil
        free(body)
        body = nil
    }

    func set(_ option: CURLoption, _ value: Int) throws(HTTPSFailure) {
        try check(sp_curl_set_long(handle, option, value))
    }

    func set(_ option: CURLoption, _ text: String?) throws(HTTPSFailure) {
        guard let text else { return try check(sp_curl_set_pointer(handle, option, nil)) }
        try check(text.withCString { sp_curl_set_pointer(handle, option, $0) })
    }

    private func check(_ code: CURLcode) throws(HTTPSFailure) {
        guard code == CURLE_OK else {
            throw HTTPSFailure(.unreachable, "this libcurl cannot do it: \(Self.words(code))", wasNotSent: true)
        }
    }

    private static func words(_ code: CURLcode) -> String { String(cString: curl_easy_strerror(code)) }

    mutating func ask(_ request: HTTPSRequest, at origin: String, credential: Secret?) throws(HTTPSFailure) {
        guard request.target.hasPrefix("/"), request.target.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw HTTPSFailure(.address, "its path has a character that must be encoded", wasNotSent: true)
        }
        try set(CURLOPT_URL, origin + request.target)
        try set(CURLOPT_CUSTOMREQUEST, request.method)
        if let bytes = request.body {
            let copy = malloc(max(1, bytes.count))
            guard let copy else { throw HTTPSFailure(.unreachable, "there is no memory", wasNotSent: true) }
            bytes.withUnsafeBytes { if let start = $0.baseAddress { memcpy(copy, start, $0.count) } }
            body = copy
            try check(sp_curl_set_off(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(bytes.count)))
            try check(sp_curl_set_pointer(handle, CURLOPT_POSTFIELDS, copy))
            // Some servers never answer the question whether they would like the body. RFC 9110 10.1.1
            try add("Expect:")
        }
        for header in request.headers { try add("\(header.name): \(header.value)") }
        if let credential {
            let head = Array("Authorization: Bearer ".utf8)
            let line = UnsafeMutableRawBufferPointer.allocate(
                byteCount: head.count + credential.count + 1, alignment: 1)
            defer {
                if let start = line.baseAddress { explicit_bzero(start, line.count) }
                line.deallocate()
            }
            line.copyBytes(from: head + [UInt8](repeating: 0, count: credential.count + 1))
            credential.withBytes { UnsafeMutableRawBufferPointer(rebasing: line[head.count...]).copyMemory(from: $0) }
            try add(line.bindMemory(to: CChar.self).baseAddress)
        }
        try check(sp_curl_set_pointer(handle, CURLOPT_HTTPHEADER, lines))
    }

    private mutating func add(_ line: String) throws(HTTPSFailure) {
        guard line.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw HTTPSFailure(.address, "a header has a control character in it", wasNotSent: true)
        }
        // libcurl takes a copy.
        let text = strdup(line)
        defer { free(text) }
        try add(text)
    }

    private mutating func add(_ text: UnsafeMutablePointer<CChar>?) throws(HTTPSFailure) {
        guard let text, let longer = curl_slist_append(lines, text) else {
            throw HTTPSFailure(.unreachable, "there is no memory", wasNotSent: true)
        }
        lines = longer
    }

    // MARK: The answer

    func receive(into receiver: Receiver) throws(HTTPSFailure) {
        let context = Unmanaged.passUnretained(receiver).toOpaque()
        try check(
            sp_curl_set_receive(handle, CURLOPT_WRITEFUNCTION) { bytes, _, count, context in
                Receiver.of(context)?.takeBody(UnsafeRawBufferPointer(start: bytes, count: count)) ?? 0
            })
        try check(
            sp_curl_set_receive(handle, CURLOPT_HEADERFUNCTION) { bytes, _, count, context in
                Receiver.of(context)?.takeHeader(UnsafeRawBufferPointer(start: bytes, count: count)) ?? 0
            })
        try check(sp_curl_set_pointer(handle, CURLOPT_WRITEDATA, context))
        try check(sp_curl_set_pointer(handle, CURLOPT_HEADERDATA, context))
    }

    func perform(_ receiver: Receiver) throws(HTTPSFailure) -> HTTPSResponse {
        let code = curl_easy_perform(handle)
        if receiver.isTooLong {
            throw HTTPSFailure(.tooLong, "its answer is longer than it may be", wasNotSent: false)
        }
        guard code == CURLE_OK else { throw failure(code) }
        return HTTPSResponse(status: number(CURLINFO_RESPONSE_CODE), headers: receiver.headers, body: receiver.body)
    }

    private func number(_ name: CURLINFO) -> Int {
        var value = 0
        return sp_curl_get_long(handle, name, &value) == CURLE_OK ? value : 0
    }

    private func failure(_ code: CURLcode) -> HTTPSFailure {
        let kind: HTTPSFailure.Kind =
            switch code {
            case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT: .unreachable
            case CURLE_OPERATION_TIMEDOUT: .slow
            case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CACERT_BADFILE,
                CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CIPHER, CURLE_SSL_CERTPROBLEM, CURLE_USE_SSL_FAILED:
                .untrusted
            case CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL, CURLE_BAD_CONTENT_ENCODING: .malformed
            default: .cutShort
            }
        return HTTPSFailure(kind, Self.words(code), wasNotSent: number(CURLINFO_REQUEST_SIZE) == 0)
    }
}

/// What comes of one answer, up to its bounds.
final class Receiver {
    private(set) var body: [UInt8] = []
    private(set) var headers: [(name: String, value: String)] = []
    private(set) var isTooLong = false
    private var headerBytes = 0
    private let limits: HTTPSClient.Limits

    init(_ limits: HTTPSClient.Limits) { self.limits = limits }

    static func of(_ context: UnsafeMutableRawPointer?) -> Receiver? {
        context.map { Unmanaged<Receiver>.fromOpaque($0).takeUnretainedValue() }
    }

    /// - Returns: How many bytes were taken; anything less than all ends the transfer.
    func takeBody(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard body.count + bytes.count <= limits.bodyBytes else {
            isTooLong = true
            return 0
        }
        body += bytes
        return bytes.count
    }

    /// Takes one line, which libcurl hands over whole.
    func takeHeader(_ bytes: UnsafeRawBufferPointer) -> Int {
        headerBytes += bytes.count
        guard headerBytes <= limits.headerBytes else {
            isTooLong = true
            return 0
        }
        // An interim answer comes before the one that counts. RFC 9110 15.2
        if bytes.starts(with: "HTTP/".utf8) {
            headers = []
        } else if let colon = bytes.firstIndex(of: UInt8(ascii: ":")) {
            let name = String(decoding: bytes[..<colon], as: UTF8.self).lowercased()
            let value = String(decoding: bytes[(colon + 1)...], as: UTF8.self)
            headers.append((name, Self.trimmed(value)))
        }
        return bytes.count
    }

    private static func trimmed(_ text: String) -> String {
        var rest = text.drop { $0.isWhitespace }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }
}
