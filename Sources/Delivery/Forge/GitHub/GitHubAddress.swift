// SPDX-License-Identifier: Apache-2.0
package import Workspace

/// One repository of GitHub, or of a GitHub Enterprise server, and where its three doors are.
///
///     server given                  REST                              GraphQL                      git
///     (none), https://github.com    https://api.github.com            .../graphql                  https://github.com/O/N.git
///     https://t.ghe.com             https://api.t.ghe.com             .../graphql                  https://t.ghe.com/O/N.git
///     https://ghe.example[/api/v3]  https://ghe.example/api/v3        https://ghe.example/api/graphql   https://ghe.example/O/N.git
///
/// - SeeAlso: GitHub REST documentation, "Getting started"; GitHub Enterprise Server, "Forming calls with GraphQL".
package struct GitHubAddress: Sendable, Equatable {
    package let owner: String
    package let name: String
    /// As it was given; nil for github.com.
    package let server: String?
    /// What git fetches from and pushes to.
    package let repository: RemoteURL
    /// The address of GraphQL; REST has the same origin.
    package let graph: RemoteURL
    /// What comes before each path of REST; empty or "/api/v3".
    let prefix: String

    /// What an argument of the command line begins with that names such a forge.
    package static let scheme = "github:"

    /// "owner/name"
    package var fullName: String { "\(owner)/\(name)" }
    /// As it is shown and recorded.
    package var text: String { Self.scheme + fullName + (server.map { " at \($0)" } ?? "") }

    /// The page that people look at.
    package func page(of pull: Int) -> String { "\(repository.origin)/\(fullName)/pull/\(pull)" }

    /// - Parameters:
    ///   - repository: "OWNER/NAME"
    ///   - server: Address of a GitHub Enterprise server, with or without "/api/v3"; nil for github.com.
    package init(repository text: String, server: String?) throws(ForgeError) {
        func refused(_ reason: String, _ remedy: String) -> ForgeError {
            ForgeError(.refused, "use forge", "\"\(Upstream.shown(text))\"", reason, remedy: remedy)
        }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, parts.allSatisfy(Self.isName) else {
            throw refused("it is no repository's name", "Write github:OWNER/NAME.")
        }
        (owner, name) = (parts[0], parts[1])
        self.server = server
        var base = server ?? "https://github.com"
        while base.hasSuffix("/") { base.removeLast() }
        if base.hasSuffix("/api/v3") { base.removeLast("/api/v3".count) }
        // Whoever names the door of programs means the house.
        if base == "https://api.github.com" || base.hasPrefix("https://api.") && base.hasSuffix(".ghe.com") {
            base = "https://" + base.dropFirst("https://api.".count)
        }
        let remedy = "Give the address of the server with --forge-url, such as https://ghe.example/api/v3."
        do throws(UpstreamFlaw) {
            guard case .remote(let url) = try Upstream("\(base)/\(text).git") else { throw .scheme }
            guard url.user == nil, url.path == "/\(text).git" else { throw .path }
            repository = url
            let isHosted = url.isSecure && (url.host == "github.com" || url.host.hasSuffix(".ghe.com"))
            prefix = isHosted ? "" : "/api/v3"
            let door = isHosted ? "https://api.\(url.host)/graphql" : "\(url.origin)/api/graphql"
            guard case .remote(let graph) = try Upstream(door) else { throw .scheme }
            self.graph = graph
        } catch {
            throw ForgeError(
                .refused, "use forge server", "\"\(Upstream.shown(base))\"", error.reason, remedy: remedy)
        }
        guard repository.isSecure || repository.isLoopback else {
            throw ForgeError(
                .refused, "use forge server", "\"\(repository.origin)\"",
                "it is plain HTTP, which everybody on the way can read", remedy: "Use https.")
        }
    }

    /// What GitHub lets owners and repositories be called, and no more: it becomes part of paths.
    private static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 100 && text != "." && text != ".." && !text.hasSuffix(".git")
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}
