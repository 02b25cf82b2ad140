// SPDX-License-Identifier: Apache-2.0
internal import Brokers
internal import Egress
internal import Wire
internal import Workspace

/// The commands of a push.
func fuzzPush(_ input: [UInt8]) {
    let readers = arrivals(input).map { pieces in
        var reader = PushRequestReader()
        for piece in pieces where reader.state == .needMore { _ = reader.append(piece.span) }
        return reader
    }
    for reader in readers { hold(reader.state == readers[0].state, "the verdict does not depend on how bytes arrive") }
    guard case .request(let request) = readers[0].state else { return }
    hold(input.suffix(readers[0].rest.count) == readers[0].rest[...], "what is behind the commands is the pack's")
    hold((1...PushRequestReader.mostCommands).contains(request.commands.count), "no more commands than are taken")
    hold(Set(request.commands.map(\.reference)).count == request.commands.count, "each reference once")

    // What is passed on is written anew, and read as the same again.
    var again = PushRequestReader()
    let written = request.commands.enumerated().flatMap { index, command in
        PktLine.encoded(command.text + (index == 0 ? "\0" : ""))
    }
    let state = again.append((written + PktLine.flushBytes).span)
    hold(state == .request(PushRequest(commands: request.commands, capabilities: [])), "the commands survive: \(state)")
    guard let scope = PushScope("refs/heads/agent/*") else { stop("does not hold: a scope") }
    for command in request.commands {
        let name = command.reference
        hold(name.utf8.allSatisfy { (0x21...0x7E).contains($0) }, "printable: \(name)")
        guard scope.flaw(of: name) == nil else { continue }
        hold(name.hasPrefix("refs/heads/agent/") && name.utf8.count > 17, "within the scope: \(name)")
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        for part in parts {
            hold(
                !part.isEmpty && !part.hasPrefix(".") && !part.hasSuffix(".lock") && !part.contains(".."),
                "plain: \(name)")
        }
    }
    let refused = PushRules(scope: scope).refusals(of: request, references: [:])
    hold(refused == nil || refused?.count == request.commands.count, "a reason for each, or none")
    if refused == nil {
        hold(
            request.commands.allSatisfy { $0.new != nil && $0.old == nil },
            "nothing deleted, nothing thought to be there")
    }
    let report = PushReport(results: request.commands.map { ($0.reference, "no") })
    let plain = report.encoded(for: [.reportStatus])
    hold(plain.count { $0 == 0x0A } == request.commands.count + 1, "one line for each reference")
}

/// A head, and which of the five requests it is.
func fuzzGitRequest(_ input: [UInt8]) {
    var reader = RequestHeadReader()
    guard case .head(let head) = reader.append(input.span), let path = RepositoryPath("/o/n") else { return }
    let address = RepositoryAddress(host: "git.internal", port: 80, path: path)
    do throws(GitRequest.Refusal) {
        let request = try address.read(head)
        hold(head.host.name == "git.internal" && head.host.port == 80, "for this host")
        let start = head.target.hasPrefix("/o/n.git/") ? "/o/n.git/" : "/o/n/"
        let expected =
            request.action == .advertise
            ? "\(start)info/refs?service=\(request.service.rawValue)" : "\(start)\(request.service.rawValue)"
        hold(head.target == expected, "one of the five: \(head.target)")
        hold(head.method == (request.action == .advertise ? "GET" : "POST"), "by its method")
        hold(!request.isCompressed || request.service == .uploadPack, "no push is unpacked")
    } catch {
        hold(error.status != .ok && !error.reason.isEmpty, "a refusal says why")
    }
}

/// A body; the first byte of the input chooses framing and compression.
func fuzzGitBody(_ input: [UInt8]) {
    let (choice, bytes) = headAndRest(input)
    let limit = 65536
    let framing = choice & 1 == 0 ? "Transfer-Encoding: chunked" : "Content-Length: \(Int(choice >> 2) * 7)"
    var reader = RequestHeadReader()
    let state = reader.append(Array("POST / HTTP/1.1\r\nHost: a\r\n\(framing)\r\n\r\n".utf8).span)
    guard case .head(let head) = state else { stop("does not hold: a head") }
    let results = arrivals(bytes).map { pieces in
        Result { () throws(RequestBody.Flaw) -> [UInt8] in
            var body = try RequestBody(head, isCompressed: choice & 2 != 0, limit: limit)
            var output: [UInt8] = []
            for piece in pieces { output += try body.take(piece.span) }
            try body.end()
            return output
        }
    }
    for result in results {
        if case .success(let output) = result { hold(output.count <= limit, "no more than the limit") }
        if case .success(let first) = results[0] {
            hold((try? result.get()) == first, "the data does not depend on how bytes arrive")
        }
    }
}
