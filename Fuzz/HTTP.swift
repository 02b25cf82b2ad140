// SPDX-License-Identifier: Apache-2.0
internal import Egress
internal import Policy

/// The first bytes of a plain connection.
func fuzzHead(_ input: [UInt8]) {
    let readers = arrivals(input).map { pieces in
        var reader = RequestHeadReader()
        for piece in pieces { _ = reader.append(piece.span) }
        return reader
    }
    for reader in readers { hold(reader.state == readers[0].state, "the verdict does not depend on how bytes arrive") }
    guard case .head(let head) = readers[0].state else { return }
    hold(input.suffix(readers[0].rest.count) == readers[0].rest[...], "what is behind the head is the body's")

    let rebuilt = head.rebuilt()
    var again = RequestHeadReader()
    hold(again.append(rebuilt.span) == .head(head), "the rebuilt head is read as the same request")
    hold(again.rest.isEmpty, "the rebuilt head ends with its empty line")
    let text = String(decoding: rebuilt, as: UTF8.self)
    let lines = text.split(separator: "\r\n", omittingEmptySubsequences: false)
    hold(!lines.contains { $0.utf8.contains { $0 == 13 || $0 == 10 || $0 == 0 || $0 > 0x7e } }, "no stray line end")
    func count(_ name: String) -> Int { lines.dropFirst().count { $0.lowercased().hasPrefix(name + ":") } }
    hold(count("host") == 1, "one Host")
    hold(count("connection") == 1 && lines.contains("Connection: close"), "one Connection, and it says close")
    hold(count("content-length") + count("transfer-encoding") == (head.framing == .none ? 0 : 1), "one length")
    for name in ["upgrade", "te", "trailer", "keep-alive", "proxy-authorization", "http2-settings"] {
        hold(count(name) == 0, "no \(name)")
    }
    hold(text.hasPrefix("\(head.method) /"), "a target in origin-form")
    hold(!head.method.uppercased().hasPrefix("CONNECT") || head.method.count > 7, "no CONNECT")

    checkPath(head)
}

/// A path that a rule for everything lets through has one reading, and rules for less are held against that one.
private func checkPath(_ head: RequestHead) {
    func verdict(_ path: String) -> HTTPLimits.Verdict {
        HTTPLimits(methods: nil, paths: [path]).verdict(method: head.method, target: head.target)
    }
    guard verdict("/") == .allowed else { return hold(verdict("/") == .pathAmbiguous, "\(verdict("/")) for a path") }
    let raw = head.target.prefix { $0 != "?" }
    var bytes = Array(raw.utf8)
    while let sign = bytes.firstIndex(of: UInt8(ascii: "%")) {
        guard let byte = UInt8(String(decoding: bytes[(sign + 1)...].prefix(2), as: UTF8.self), radix: 16) else {
            stop("does not hold: \(raw) has a percent sign that encodes nothing")
        }
        bytes.replaceSubrange(sign..<sign + 3, with: [byte])
    }
    hold(Array(String(decoding: bytes, as: UTF8.self).utf8) == bytes, "\(raw) is UTF-8")
    hold(!bytes.contains { $0 <= 0x20 || $0 == 0x7f || "\\;".utf8.contains($0) }, "no control character in \(raw)")
    let segments = bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    hold(segments[0].isEmpty && !segments.dropFirst().dropLast().contains { $0.isEmpty }, "whole segments in \(raw)")
    for segment in segments {
        hold(![[UInt8](".".utf8), [UInt8]("..".utf8)].contains(Array(segment)), "no dot segment in \(raw)")
    }
    hold(verdict(String(raw)) == .allowed, "a rule for \(raw) lets it through")
    hold((verdict("/a/") == .allowed) == raw.utf8.starts(with: "/a/".utf8), "a rule for /a/ and \(raw)")
}

/// A body; the first byte of the input chooses the framing.
func fuzzBody(_ input: [UInt8]) {
    let (choice, bytes) = headAndRest(input)
    if choice < 64 {
        let length = UInt64(choice)
        for pieces in arrivals(bytes) {
            let result = body(.length(length), pieces)
            hold(result.refusal == nil, "bytes of a known length are never refused")
            hold(result.output == Array(bytes.prefix(Int(length))), "exactly the bytes that were announced")
            hold(result.isComplete == (bytes.count >= Int(length)), "the end is where it was announced")
        }
        return
    }
    let results = arrivals(bytes).map { body(.chunked, $0) }
    for result in results {
        hold(result.refusal == results[0].refusal, "the verdict does not depend on how bytes arrive")
        hold(result.isComplete == results[0].isComplete, "nor does the end")
        guard result.refusal == nil else { continue }
        hold(result.consumed == results[0].consumed, "nor does its place")
        let again = body(.chunked, [result.output])
        hold(again.refusal == nil && again.isComplete == result.isComplete, "what is written is read again")
        hold(again.consumed == result.output.count, "nothing is behind the end that is written")
        hold(payload(result.output) == payload(results[0].output), "nor does the payload")
    }
}

private struct Body {
    var output: [UInt8] = []
    var consumed = 0
    var refusal: HTTPRefusal?
    var isComplete = false
}

private func body(_ framing: RequestHead.Framing, _ pieces: [[UInt8]]) -> Body {
    var reader = BodyReader(framing)
    var result = Body()
    do throws(HTTPRefusal) {
        for piece in pieces {
            let count = try reader.take(piece.span, into: &result.output)
            hold(count == piece.count || reader.isComplete, "only the end leaves bytes behind")
            result.consumed += count
        }
    } catch {
        result.refusal = error
    }
    result.isComplete = reader.isComplete
    return result
}

/// The data of chunks that were written by our own writer: "size CRLF data CRLF".
private func payload(_ chunks: [UInt8]) -> [UInt8] {
    var data: [UInt8] = []
    var index = 0
    while index < chunks.count {
        guard let end = chunks[index...].firstIndex(of: 13),
            let size = Int(String(decoding: chunks[index..<end], as: UTF8.self), radix: 16),
            end + 2 + size + 2 <= chunks.count
        else { stop("does not hold: chunks are written in one form") }
        data += chunks[end + 2..<end + 2 + size]
        index = end + 2 + size + 2
    }
    return data
}
