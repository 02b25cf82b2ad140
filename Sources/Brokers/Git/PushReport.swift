// SPDX-License-Identifier: Apache-2.0

/// The answer to a push, in the form in which git's client shows it: `! [remote rejected] a -> b (reason)`.
///
/// - SeeAlso: gitprotocol-pack(5), "Report Status"; gitprotocol-capabilities(5), "side-band-64k".
package struct PushReport: Equatable, Sendable {
    /// Why the pack was not taken; nil when it was, or when nobody asked for it.
    package var unpackFailure: String?
    /// Each reference with the reason for which it stays as it was; nil when it changed.
    package var results: [(reference: String, refusal: String?)]

    package init(unpackFailure: String? = nil, results: [(reference: String, refusal: String?)]) {
        self.unpackFailure = unpackFailure
        self.results = results
    }

    package static func == (a: PushReport, b: PushReport) -> Bool {
        a.unpackFailure == b.unpackFailure && a.results.elementsEqual(b.results) { $0 == $1 }
    }

    package var isRefusal: Bool { unpackFailure != nil || results.contains { $0.refusal != nil } }

    /// The body of the response.
    package func encoded(for capabilities: PushRequest.Capabilities) -> [UInt8] {
        guard capabilities.contains(.reportStatus) else { return [] }
        var lines = PktLine.encoded("unpack \(Self.line(unpackFailure ?? "ok"))\n")
        for (reference, refusal) in results {
            lines += PktLine.encoded(refusal.map { "ng \(reference) \(Self.line($0))\n" } ?? "ok \(reference)\n")
        }
        lines += PktLine.flushBytes
        guard capabilities.contains(.sideBand64k) else { return lines }
        var bands: [UInt8] = []
        // Band 2 is shown to the person as "remote: ...".
        if isRefusal { bands += PktLine.encoded([2] + Array("sallyport: nothing of this push was taken\n".utf8)) }
        var rest = lines[...]
        while !rest.isEmpty {
            bands += PktLine.encoded([1] + rest.prefix(Self.bandBytes))
            rest = rest.dropFirst(Self.bandBytes)
        }
        return bands + PktLine.flushBytes
    }

    private static let bandBytes = PktLine.longest - 5
    private static let longestReason = 200

    /// One line of printable ASCII.
    private static func line(_ text: String) -> String {
        String(decoding: text.utf8.prefix(longestReason).map { (0x20...0x7E).contains($0) ? $0 : 0x3F }, as: UTF8.self)
    }
}
