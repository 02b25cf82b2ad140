// SPDX-License-Identifier: Apache-2.0
package import Egress
package import Policy

/// What a request at `packages.internal` is for.
///
///     GET /simple/NAME/             the page of a project: its files, with addresses here
///     GET /files/NAME/FILE          one of them
///     GET /files/NAME/FILE.metadata what a wheel says of itself (PEP 658)
package enum PackageRoute: Equatable, Sendable {
    case page(PackageName)
    case file(PackageName, String)

    package var package: PackageName {
        switch self {
        case .page(let name), .file(let name, _): name
        }
    }

    package static let host = "packages.internal"
    package static let longestFile = 255

    package init(_ head: RequestHead) throws(PackageRefusal) {
        guard head.isFor(Self.host, port: 80) else {
            throw PackageRefusal(
                .misdirected, .otherHost, "this is \(Self.host) and no other host",
                remedy: "Use http://\(Self.host)/simple/ as the index.")
        }
        guard head.method == "GET" || head.method == "HEAD" else {
            throw PackageRefusal(
                .methodNotAllowed, .method, "packages are read here and published nowhere",
                remedy: "Only GET and HEAD are answered; publishing is for people, outside of the session.")
        }
        let parts = head.target.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count >= 3, parts[0].isEmpty, !head.target.contains("?") else { throw Self.unknown }
        switch (parts[1], parts.count) {
        case ("simple", 3): self = .page(try Self.name(parts[2]))
        case ("simple", 4) where parts[3].isEmpty:
            self = .page(try Self.name(parts[2]))
        case ("files", 4):
            guard let file = Self.file(parts[3]) else { throw Self.unknown }
            self = .file(try Self.name(parts[2]), file)
        default: throw Self.unknown
        }
    }

    private static let unknown = PackageRefusal(
        .notFound, .route, "nothing is served at this path",
        remedy: "Ask for /simple/NAME/ and for the files that it lists.")

    private static func name(_ text: Substring) throws(PackageRefusal) -> PackageName {
        guard let name = PackageName(text) else {
            throw PackageRefusal(
                .notFound, .name, "the path has no name of a package",
                remedy: "Names have letters, digits and \".\", \"-\" or \"_\" between them.")
        }
        return name
    }

    /// The name of a file, which clients may have escaped where it has "+" or "!".
    private static func file(_ written: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(written.utf8)[...]
        while let byte = rest.popFirst() {
            if byte != UInt8(ascii: "%") {
                bytes.append(byte)
                continue
            }
            switch (rest.popFirst(), rest.popFirst().map { $0 & 0xDF }) {
            case (UInt8(ascii: "2"), 0x42): bytes.append(UInt8(ascii: "+"))
            case (UInt8(ascii: "2"), 0x11): bytes.append(UInt8(ascii: "!"))
            default: return nil
            }
        }
        let name = String(decoding: bytes, as: UTF8.self)
        return isFile(name) ? name : nil
    }

    /// Whether a name is one of a file that a page may list.
    static func isFile(_ name: String) -> Bool {
        (1...longestFile).contains(name.utf8.count) && name.first != "."
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
                    UInt8(ascii: "+"), UInt8(ascii: "!"):
                    true
                default: false
                }
            }
    }
}
