// SPDX-License-Identifier: Apache-2.0
internal import Delivery
internal import Documents

/// The documents of an evidence bundle of unknown origin: what is accepted has one spelling, and a change is located.
func fuzzBundle(_ input: [UInt8]) {
    let (choice, rest) = headAndRest(input)
    switch choice & 3 {
    case 0: fuzzEnvelope(rest)
    case 1: fuzzManifest(rest)
    case 2: do throws(Flaw) { _ = try Statement(rest) } catch { hold(!error.reason.isEmpty, "a flaw has a reason") }
    default: fuzzChain(rest)
    }
    if let bytes = Base64.decode(rest) { hold(Base64.encode(bytes) == rest, "base64 has one spelling") }
    hold(Base64.decode(Base64.encode(rest)).map { $0 == rest } ?? false, "base64 is read back")
}

private func fuzzEnvelope(_ input: [UInt8]) {
    do throws(Flaw) {
        let envelope = try Envelope(input)
        hold(envelope.bytes == input, "an envelope has one spelling")
    } catch {
        hold(!error.reason.isEmpty, "a flaw has a reason")
    }
    let made = Envelope(payload: input, keyID: "k", signature: Array(input.prefix(64)))
    do throws(Flaw) {
        let read = try Envelope(made.bytes)
        hold(read == made, "what was written is read")
    } catch {
        stop("does not hold: what was written is read: \(error.reason)")
    }
}

private func fuzzManifest(_ input: [UInt8]) {
    do throws(Flaw) {
        let manifest = try Manifest(input)
        hold(manifest.bytes == input, "a manifest has one spelling")
        for path in Array(manifest.files.keys) + manifest.directories {
            let parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            hold(parts.allSatisfy { !$0.isEmpty && !$0.elementsEqual("..".utf8) }, "a path stays beneath the bundle")
        }
    } catch {
        hold(!error.reason.isEmpty, "a flaw has a reason")
    }
}

/// A chain over lines of the input; then one byte of it is another.
private func fuzzChain(_ input: [UInt8]) {
    var chain = AuditChain()
    var lines: [[UInt8]] = []
    for (number, text) in input.split(separator: 0x0A).enumerated() {
        let line =
            Array("{\"version\":1,\"seq\":\(number),".utf8) + text
            + Array(",\"previous\":\"\(chain.head)\"}\n".utf8)
        chain.extend(line, digest: quickDigest)
        lines.append(line)
    }
    hold(chain.fault(in: lines.flatMap { $0 }, digest: quickDigest) == nil, "a chain that was written holds")
    // Whatever the input is as an audit, looking at it ends.
    _ = chain.fault(in: input, digest: quickDigest)
    guard !lines.isEmpty else { return }
    let place = input.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xffff }
    let record = place % lines.count
    lines[record][place % lines[record].count] ^= 1 << UInt8(place & 7)
    let fault = chain.fault(in: lines.flatMap { $0 }, digest: quickDigest)
    hold(fault?.record == record, "a changed byte of record \(record) is found in it, not in \(fault?.record ?? -1)")
}

/// 64 hexadecimal digits that depend on every byte; SHA-256 would leave the fuzzer little time.
private func quickDigest(_ bytes: [UInt8]) -> String {
    var words: [UInt64] = [0xcbf2_9ce4_8422_2325, 0x8422_2325_cbf2_9ce4, 0x9ce4_8422_2325_cbf2, 0x2325_cbf2_9ce4_8422]
    for byte in bytes {
        for index in words.indices { words[index] = (words[index] ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    }
    return words.map { word in
        let digits = String(word, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }.joined()
}
