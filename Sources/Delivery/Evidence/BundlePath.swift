// SPDX-License-Identifier: Apache-2.0

/// The name of a file in a bundle: relative, plain, and with one spelling.
package enum BundlePath {
    package static let longest = 1024
    package static let deepest = 16

    private static let letters: Set<UInt8> = Set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-+@=,~%".utf8)

    /// True for parts of plain ASCII joined by single slashes, none of them `.` or `..`.
    package static func isValid(_ path: some Collection<UInt8>) -> Bool {
        guard path.count <= longest else { return false }
        let parts = path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard parts.count <= deepest else { return false }
        return parts.allSatisfy { part in
            !part.isEmpty && part.count <= 255 && part.allSatisfy { letters.contains($0) }
                && !part.elementsEqual(".".utf8) && !part.elementsEqual("..".utf8)
        }
    }
}
