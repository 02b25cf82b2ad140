// SPDX-License-Identifier: Apache-2.0
internal import Egress
internal import Policy

/// A message over UDP, and the same bytes as a stream of messages over TCP.
func fuzzDNS(_ input: [UInt8]) {
    do throws(DNSRefusal) {
        checkQuestion(try DNSQuestion(parsing: input.span), input)
    } catch {
        hold(
            (error.reply == nil) == (error.reason == .tooShort || error.reason == .response),
            "\(error.reason) and a reply")
        if let reply = error.reply { checkReply(reply, to: input, limit: 512) }
    }
    checkStream(input)
}

private func checkQuestion(_ question: DNSQuestion, _ input: [UInt8]) {
    hold((1...253).contains(question.name.utf8.count), "length of \(question.name)")
    for label in question.name.split(separator: ".", omittingEmptySubsequences: false) {
        hold((1...63).contains(label.utf8.count), "length of a label of \(question.name)")
    }
    hold(
        question.name.utf8.allSatisfy { byte in
            (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte) || [0x2d, 0x2e, 0x5f].contains(byte)
        }, "alphabet of \(question.name)")
    hold(question.host == HostName(question.name), "one rule for \(question.name)")
    if let host = question.host { hold(host.text == question.name, "one spelling of \(question.name)") }
    hold(Array(input[12..<12 + question.question.count]) == question.question, "the question is the client's own")

    // The same question without flags and records is the same question.
    let plain = Array(input[..<2]) + [question.recursionDesired ? 1 : 0, 0, 0, 1, 0, 0, 0, 0, 0, 0] + question.question
    do throws(DNSRefusal) {
        let again = try DNSQuestion(parsing: plain.span)
        hold(
            again.id == question.id && again.name == question.name && again.type == question.type
                && again.recursionDesired == question.recursionDesired && again.question == question.question
                && again.extensions == nil,
            "a question is read again as itself")
    } catch {
        stop("does not hold: \(error.reason) on a question that was accepted")
    }

    let text = String(repeating: "é", count: 300)
    let answers: [DNSAnswer] = [
        .addresses(v4: .v4(0xC612_0100), v6: .v6(1, 2)), .addresses(v4: nil, v6: nil), .noData,
        .denied(explanation: text), .unavailable(explanation: text),
    ]
    for answer in answers {
        checkReply(question.reply(answer, limit: question.datagramLimit), to: input, limit: question.datagramLimit)
        checkReply(question.reply(answer), to: input, limit: 65_535)
    }
}

/// Walks over a reply: its counts, names and lengths agree, and it ends where its last record does.
private func checkReply(_ reply: [UInt8], to query: [UInt8], limit: Int) {
    func number(_ index: Int) -> Int { Int(reply[index]) << 8 | Int(reply[index + 1]) }
    hold((12...limit).contains(reply.count), "\(reply.count) bytes of reply")
    hold(reply[0] == query[0] && reply[1] == query[1], "the identifier")
    hold(reply[2] & 0x80 != 0 && reply[2] & 0x06 == 0 && reply[3] & 0x80 != 0, "QR and RA without AA and TC")
    var index = 12
    for _ in 0..<number(4) {
        while reply[index] != 0 { index += 1 + Int(reply[index]) }
        index += 5
        hold(Array(reply[12..<index]) == Array(query[12..<index]), "the question is echoed")
    }
    for _ in 0..<number(6) + number(8) + number(10) {
        index += reply[index] == 0 ? 1 : 2
        index += 10 + number(index + 8)
    }
    hold(index == reply.count, "a reply ends with its last record")
}

private func checkStream(_ input: [UInt8]) {
    let results = arrivals(input).map { pieces in
        var stream = DNSStream()
        var messages: [[UInt8]] = []
        var refusal: DNSStream.Refusal?
        for piece in pieces where refusal == nil {
            do throws(DNSStream.Refusal) {
                try stream.take(piece.span) { message in messages.append(message.indices.map { message[$0] }) }
            } catch {
                refusal = error
            }
        }
        return (messages, refusal)
    }
    for result in results { hold(result == results[0], "messages do not depend on how the stream arrives") }
    let framed = results[0].0.flatMap(DNSStream.framed)
    hold(Array(input[..<framed.count]) == framed, "messages are what the stream says")
    hold(results[0].0.allSatisfy { (12...DNSStream.longestMessage).contains($0.count) }, "lengths of messages")
}
