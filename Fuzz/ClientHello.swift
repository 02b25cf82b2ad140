// SPDX-License-Identifier: Apache-2.0
internal import Egress
internal import Policy

/// The first bytes of a TLS connection; the first byte of the input says whether encrypted hellos are allowed.
func fuzzClientHello(_ input: [UInt8]) {
    let (choice, bytes) = headAndRest(input)
    let allows = choice & 1 == 1
    let readers = arrivals(bytes).map { read($0, allows) }
    for reader in readers { hold(reader.state == readers[0].state, "the verdict does not depend on how bytes arrive") }
    guard case .hello(let hello) = readers[0].state else {
        checkWrapped(bytes, allows)
        return
    }
    hold(readers[0].received + readers[0].rest == bytes, "every byte is kept for sending onwards")
    for reader in readers { hold(reader.received == readers[0].received, "the hello ends in one place") }
    checkFollowing(hello, readers[0].rest, allows)
    hold(allows || !hello.hasEncryptedHello, "an encrypted hello needs a rule")
    hold(isCanonical(hello.serverName), "spelling of \(hello.serverName)")
    hold(HostName(hello.serverName)?.text == hello.serverName, "one spelling of \(hello.serverName)")
    guard let message = message(in: bytes) else { stop("does not hold: an accepted hello is made of records") }
    for size in [1, 7, 300, 16_384] {
        let state = read([records(message, of: size)], allows).state
        hold(
            state == .hello(hello) || size == 1 && state == .refused(.oversized), "the same hello in records of \(size)"
        )
    }
}

/// What stands behind the hello, and the input itself as a second one.
private func checkFollowing(_ first: ClientHello, _ rest: [UInt8], _ allows: Bool) {
    let results = arrivals(rest).map { pieces in
        var reader = SecondHelloReader(after: first, allowsEncryptedHello: allows)
        var sent: [UInt8] = []
        var refusal: TLSRefusal?
        do throws(TLSRefusal) {
            for piece in pieces { sent += try reader.take(piece.span) }
        } catch {
            refusal = error
        }
        hold(sent == Array(rest.prefix(sent.count)), "what is sent is what came")
        hold(!reader.isDone || refusal != nil || sent.count == rest.count, "nothing is held back after the end")
        return (refusal, reader.isDone)
    }
    for result in results { hold(result == results[0], "the verdict does not depend on how bytes arrive") }
}

/// Mutation seldom keeps record lengths right, so the input is also tried as the body of one message.
private func checkWrapped(_ body: [UInt8], _ allows: Bool) {
    guard body.count <= 16_000 else { return }
    let message = [1, 0, UInt8(body.count >> 8), UInt8(body.count & 0xff)] + body
    let whole = read([records(message, of: 16_384)], allows).state
    hold(whole != .needMore, "a whole message gets a verdict")
    hold(read([records(message, of: 11)], allows).state == whole, "the verdict does not depend on records")
    if case .hello(let hello) = whole { hold(isCanonical(hello.serverName), "spelling of \(hello.serverName)") }
}

private func read(_ pieces: [[UInt8]], _ allows: Bool) -> ClientHelloReader {
    var reader = ClientHelloReader(allowsEncryptedHello: allows)
    for piece in pieces {
        let before = reader.state
        let state = reader.append(piece.span)
        hold(state == reader.state && (before == .needMore || state == before), "a verdict stays")
    }
    return reader
}

private func isCanonical(_ name: String) -> Bool {
    (1...253).contains(name.utf8.count)
        && name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            (1...63).contains(label.utf8.count)
                && label.utf8.allSatisfy {
                    (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || [0x2d, 0x5f].contains($0)
                }
        }
}

/// The handshake message that accepted records carry.
private func message(in bytes: [UInt8]) -> [UInt8]? {
    var message: [UInt8] = []
    var index = 0
    while index + 5 <= bytes.count {
        let length = Int(bytes[index + 3]) << 8 | Int(bytes[index + 4])
        guard bytes[index] == 22, index + 5 + length <= bytes.count else { return nil }
        message += bytes[index + 5..<index + 5 + length]
        index += 5 + length
        if message.count >= 4, message.count == 4 + Int(message[1]) << 16 + Int(message[2]) << 8 + Int(message[3]) {
            return message
        }
    }
    return nil
}

private func records(_ message: [UInt8], of size: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    for start in stride(from: 0, to: message.count, by: size) {
        let piece = message[start..<min(start + size, message.count)]
        bytes += [22, 3, 1, UInt8(piece.count >> 8), UInt8(piece.count & 0xff)]
        bytes += piece
    }
    return bytes
}
