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
        let result = Secret(head + [UInt8](repeating: 0, count: Base64.length(of: pair.count)) + tail)
        pair.withBytes { bytes in
            result.withMutableBytes { target in
                var place = head.count
                Base64.encode(bytes) {
                    target[place] = $0
                    place += 1
                }
            }
        }
        return result
    }
}
