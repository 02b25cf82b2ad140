// SPDX-License-Identifier: Apache-2.0
package import LinuxSystem

extension Secret {
    /// git's configuration that sends this secret, with a user's name, to one origin and nowhere else.
    ///
    /// - SeeAlso: git-config(1), http.extraHeader; RFC 7617.
    package func configuration(user: String, origin: String) -> Secret {
        let pair = Secret(Array("\(user):".utf8) + [UInt8](repeating: 0, count: count))
        let start = pair.count - count
        withBytes { own in
            pair.withMutableBytes { target in
                for index in 0..<own.count { target[start + index] = own[index] }
            }
        }
        let head = Array("[http \"\(origin)/\"]\n\textraHeader = \"Authorization: Basic ".utf8)
        let tail = Array("\"\n".utf8)
        let encoded = (pair.count + 2) / 3 * 4
        let result = Secret(head + [UInt8](repeating: 0, count: encoded) + tail)
        pair.encode(into: result, at: head.count)
        return result
    }

    /// Base64 with padding. RFC 4648 4
    private func encode(into target: Secret, at start: Int) {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        withBytes { memory in
            target.withMutableBytes { encoded in
                var place = start
                for group in stride(from: 0, to: memory.count, by: 3) {
                    let left = min(3, memory.count - group)
                    var bits: UInt32 = 0
                    for index in 0..<3 { bits = bits << 8 | (index < left ? UInt32(memory[group + index]) : 0) }
                    for index in 0..<4 {
                        let digit = alphabet[Int(bits >> UInt32(18 - 6 * index) & 63)]
                        encoded[place] = index <= left ? digit : UInt8(ascii: "=")
                        place += 1
                    }
                }
            }
        }
    }
}
