// SPDX-License-Identifier: Apache-2.0
package import Egress
package import Wire

/// The two programs of git that speak over HTTP.
package enum GitService: String, Sendable, CaseIterable {
    case uploadPack = "git-upload-pack"
    case receivePack = "git-receive-pack"
}

/// One of the five requests that clone, fetch and push are made of; there is no other.
///
///     GET  PATH/info/refs?service=git-upload-pack     what is there
///     POST PATH/git-upload-pack                       ls-refs and fetch
///     GET  PATH/info/refs?service=git-receive-pack    what is there, before a push
///     POST PATH/git-receive-pack                      a probe, or a push
///
/// - SeeAlso: gitprotocol-http(5).
package struct GitRequest: Equatable, Sendable {
    package enum Action: Equatable, Sendable { case advertise, call }

    package let service: GitService
    package let action: Action
    /// 0 or 2: the version in which the client asks to be answered. A push knows only 0.
    package let version: Int
    /// The body is compressed.
    package let isCompressed: Bool

    /// Why a request is none of the five.
    package struct Refusal: Error, Equatable, Sendable {
        package let status: HTTPStatus
        package let reason: String
    }
}

/// Where the one repository of a session is.
package struct RepositoryAddress: Equatable, Sendable {
    package let host: String
    package let port: UInt16
    package let path: RepositoryPath

    package init(host: String, port: UInt16, path: RepositoryPath) {
        self.host = host
        self.port = port
        self.path = path
    }

    /// What a client is told to use.
    package var url: String { "http://\(host)\(port == 80 ? "" : ":\(port)")\(path).git" }

    /// Reads a request. Paths are compared byte by byte: one that is spelled in another way is another path.
    package func read(_ head: RequestHead) throws(GitRequest.Refusal) -> GitRequest {
        guard head.isFor(host, port: port) else {
            throw refusal(.misdirected, "this is \(url), and the request is for \(head.host.name)")
        }
        for start in [path.description, "\(path).git"] {
            for service in GitService.allCases {
                if head.target == "\(start)/info/refs?service=\(service.rawValue)" {
                    guard head.method == "GET" else { throw only }
                    return try request(head, service, .advertise)
                }
                if head.target == "\(start)/\(service.rawValue)" {
                    guard head.method == "POST" else { throw only }
                    return try request(head, service, .call)
                }
            }
        }
        throw only
    }

    private func request(_ head: RequestHead, _ service: GitService, _ action: GitRequest.Action)
        throws(GitRequest.Refusal) -> GitRequest
    {
        let type = "application/x-\(service.rawValue)-request"
        if action == .call, values("content-type", head) != [type] {
            throw refusal(.unsupportedMediaType, "the body is not announced as \(type)")
        }
        let codings = values("content-encoding", head)
        let isCompressed = codings == ["gzip"] || codings == ["x-gzip"]
        guard codings.isEmpty || isCompressed && service == .uploadPack && action == .call else {
            throw refusal(.unsupportedMediaType, "the body of a push, and any other coding than gzip, is not decoded")
        }
        return GitRequest(
            service: service, action: action, version: service == .uploadPack ? version(head) : 0,
            isCompressed: isCompressed)
    }

    /// A list of keys; only the version is anything that a server acts on. gitprotocol-v2(5)
    private func version(_ head: RequestHead) -> Int {
        values("git-protocol", head).contains { $0.split(separator: ":").contains("version=2") } ? 2 : 0
    }

    private func values(_ key: String, _ head: RequestHead) -> [String] {
        head.fields.filter { $0.name.lowercased() == key }.map(\.value)
    }

    private var only: GitRequest.Refusal {
        refusal(.forbidden, "only clone, fetch and push of \(url) by smart HTTP are served here")
    }

    private func refusal(_ status: HTTPStatus, _ reason: String) -> GitRequest.Refusal {
        GitRequest.Refusal(status: status, reason: reason)
    }
}
