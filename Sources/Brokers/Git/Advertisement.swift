// SPDX-License-Identifier: Apache-2.0
package import Workspace

/// What a client hears before it pushes: every reference, and what this side understands.
///
/// Neither `push-options` nor `push-cert` is offered, so that git's own client already refuses those with words of its
/// own. `delete-refs` is, although no branch may be deleted: without it the client says nothing but "remote rejected",
/// with it the reason is ours. A push is always all or nothing, so `atomic` is kept.
///
/// - SeeAlso: gitprotocol-http(5), "Smart Server Response"; gitprotocol-capabilities(5).
package enum Advertisement {
    package static func encoded(_ references: [String: ObjectID]) -> [UInt8] {
        var bytes = PktLine.encoded("# service=\(GitService.receivePack.rawValue)\n") + PktLine.flushBytes
        let offered =
            (PushRequest.Capabilities.names.map { $0.0 } + ["agent=sallyport"]).joined(separator: " ")
        if references.isEmpty { bytes += PktLine.encoded("\(PushCommand.zeros) capabilities^{}\0\(offered)\n") }
        for (index, name) in references.keys.sorted().enumerated() {
            guard let id = references[name] else { continue }
            bytes += PktLine.encoded("\(id) \(name)" + (index == 0 ? "\0\(offered)\n" : "\n"))
        }
        return bytes + PktLine.flushBytes
    }
}
