// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// The first two numbers of a kernel's release, which is all that features are listed by.
package struct KernelVersion: Sendable, Comparable, CustomStringConvertible {
    package let major: Int
    package let minor: Int

    package init(_ major: Int, _ minor: Int) {
        self.major = major
        self.minor = minor
    }

    /// Reads a release such as `6.1.0-18-amd64`; nil when it does not begin with two numbers.
    package init?(release: String) {
        let parts = release.split(separator: ".", maxSplits: 2)
        guard parts.count >= 2, let major = Int(parts[0]),
            let minor = Int(parts[1].prefix { $0.isASCII && $0.isNumber })
        else { return nil }
        self.init(major, minor)
    }

    package static func < (a: KernelVersion, b: KernelVersion) -> Bool { (a.major, a.minor) < (b.major, b.minor) }
    package var description: String { "\(major).\(minor)" }

    /// Release and machine of the running kernel. uname(2)
    static func running() -> (release: String, machine: String) {
        var name = utsname()
        guard uname(&name) == 0 else { return ("unknown", "unknown") }
        return (text(of: name.release), text(of: name.machine))
    }

    private static func text<Tuple>(of field: Tuple) -> String {
        withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
