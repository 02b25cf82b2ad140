// SPDX-License-Identifier: Apache-2.0
internal import CLinux
package import Documents
internal import Glibc
internal import Synchronization

/// A server on loopback that expects calls in an order, looks at every part of each, and answers as its script says.
///
/// A call that is not the next one, or not as it must be, is a flaw and gets 400; so does one that comes when the script has
/// ended. Below a directory of repositories it also speaks git, which is no part of the script.
package final class ContractServer: Sendable {
    /// One call, and its answer.
    package struct Call: Sendable {
        package var method: String
        /// Path and query; one that ends with "*" begins so.
        package var target: String
        /// The value of Authorization, nil for none; one that ends with "*" begins so.
        package var authorization: String?
        /// Says what is wrong with a body; nil expects none.
        package var body: (@Sendable (JSON) -> String?)?
        package var status = 200
        package var headers: [(String, String)] = [("Content-Type", "application/json; charset=utf-8")]
        package var answer: [UInt8] = []

        package init(_ method: String, _ target: String, _ authorization: String?) {
            self.method = method
            self.target = target
            self.authorization = authorization
        }

        /// Expects exactly this body.
        package func sending(_ json: JSON) -> Call {
            checking { $0 == json ? nil : "its body is \($0.compactText) and not \(json.compactText)" }
        }

        /// Expects a body of which something holds.
        package func checking(_ check: @escaping @Sendable (JSON) -> String?) -> Call {
            var call = self
            call.body = check
            return call
        }

        package func answering(_ status: Int = 200, _ json: JSON? = nil, _ headers: [(String, String)] = []) -> Call {
            var call = self
            call.status = status
            call.answer = json.map { JSONWriter().write($0) } ?? []
            call.headers += headers
            return call
        }

        /// Answers with what is no JSON.
        package func answering(_ status: Int, text: String, type: String) -> Call {
            var call = self
            call.status = status
            call.answer = Array(text.utf8)
            call.headers = [("Content-Type", type)]
            return call
        }
    }

    package let port: UInt16
    package var url: String { "http://127.0.0.1:\(port)" }
    private let core: Core
    private let thread: pthread_t

    /// - Parameters:
    ///   - repositories: Directory of OWNER/NAME.git to serve by git; nil serves none.
    ///   - gitAuthorization: What git must say.
    package init(_ calls: [Call] = [], repositories: String? = nil, gitAuthorization: String? = nil)
        throws(HarnessError)
    {
        let (listener, port) = try boundSocket()
        guard listen(listener, 16) == 0 else { throw HarnessError("listen as", "a contract server", EADDRINUSE) }
        self.port = port
        core = Core(listener, calls, repositories, gitAuthorization, host: "127.0.0.1:\(port)")
        var thread = pthread_t()
        let context = Unmanaged.passRetained(core)
        let failed = pthread_create(
            &thread, nil,
            { context in
                if let context { Unmanaged<Core>.fromOpaque(context).takeRetainedValue().serve() }
                return nil
            }, context.toOpaque())
        guard failed == 0 else {
            context.release()
            throw HarnessError("start", "a contract server", failed)
        }
        self.thread = thread
    }

    deinit {
        core.stop()
        pthread_join(thread, nil)
    }

    /// Adds calls to the script's end.
    package func expect(_ calls: [Call]) { core.state.withLock { $0.calls += calls } }

    /// What came and was not as it must be.
    package var flaws: [String] { core.state.withLock { $0.flaws } }
    /// How many calls have not come.
    package var left: Int { core.state.withLock { $0.calls.count } }
    /// Everything that came, as "METHOD target", git's requests too.
    package var requests: [String] { core.state.withLock { $0.requests } }
}

/// A port of loopback that nobody answers at, and nobody else can take, for as long as this is held.
package final class ClosedPort: Sendable {
    package let port: UInt16
    private let fd: Int32

    package init() throws(HarnessError) { (fd, port) = try boundSocket() }

    deinit { close(fd) }
}

/// A TCP socket with a port of its own on loopback.
private func boundSocket() throws(HarnessError) -> (Int32, UInt16) {
    let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard fd >= 0 else { throw HarnessError("make a socket for", "a server", EIO) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { general in
            bind(fd, __CONST_SOCKADDR_ARG(__sockaddr__: general), length) == 0
                && getsockname(fd, __SOCKADDR_ARG(__sockaddr__: general), &length) == 0
        }
    }
    guard isBound else {
        close(fd)
        throw HarnessError("find a port for", "a server", EADDRINUSE)
    }
    return (fd, UInt16(bigEndian: address.sin_port))
}

/// What the server's thread works on.
private final class Core: Sendable {
    struct State {
        var calls: [ContractServer.Call]
        var flaws: [String] = []
        var requests: [String] = []
    }

    let state: Mutex<State>
    private let listener: Int32
    private let repositories: String?
    private let gitAuthorization: String?
    private let host: String

    init(
        _ listener: Int32, _ calls: [ContractServer.Call], _ repositories: String?, _ gitAuthorization: String?,
        host: String
    ) {
        self.listener = listener
        self.repositories = repositories
        self.gitAuthorization = gitAuthorization
        self.host = host
        state = Mutex(State(calls: calls))
    }

    /// Has `accept` return in the thread.
    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    func serve() {
        while true {
            let client = accept4(listener, __SOCKADDR_ARG(), nil, Int32(SOCK_CLOEXEC.rawValue))
            guard client >= 0 else { break }
            // Whoever connects and says nothing is nobody of ours.
            var patience = timeval(tv_sec: 20, tv_usec: 0)
            setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
            if let request = ContractRequest(reading: client) {
                state.withLock { $0.requests.append("\(request.method) \(request.target)") }
                ContractRequest.send(answer(request), to: client)
            }
            close(client)
        }
        close(listener)
    }

    private func answer(_ request: ContractRequest) -> ContractAnswer {
        if let repositories, request.path.contains(".git/") {
            guard request.headers["authorization"] == gitAuthorization else {
                return flawed("git says \(request.headers["authorization"] ?? "nothing") at \(request.target)")
            }
            do throws(HarnessError) { return try request.servedByGit(repositories) } catch { return flawed("\(error)") }
        }
        let next = state.withLock { state in state.calls.isEmpty ? nil : state.calls.removeFirst() }
        guard let next else { return flawed("nothing is expected, and there is \(request.method) \(request.target)") }
        if let flaw = flaw(request, next) { return flawed("\(request.method) \(request.target): \(flaw)") }
        return ContractAnswer(status: next.status, headers: next.headers, body: next.answer)
    }

    private func flawed(_ text: String) -> ContractAnswer {
        state.withLock { $0.flaws.append(text) }
        return ContractAnswer(status: 400, headers: [("Content-Type", "application/json")], body: Array("{}".utf8))
    }

    private static func fits(_ text: String, _ pattern: String) -> Bool {
        pattern.hasSuffix("*") ? text.hasPrefix(pattern.dropLast()) : text == pattern
    }

    private func flaw(_ request: ContractRequest, _ call: ContractServer.Call) -> String? {
        guard request.method == call.method, Self.fits(request.target, call.target) else {
            return "\(call.method) \(call.target) is expected"
        }
        let said = request.headers["authorization"]
        if let expected = call.authorization, !Self.fits(said ?? "", expected) {
            return "it says \(said ?? "nothing"), not \(expected)"
        }
        var headers = [
            "host": host, "accept": "application/vnd.github+json", "user-agent": "sallyport",
            "x-github-api-version": "2022-11-28",
        ]
        headers["authorization"] = call.authorization == nil ? nil : said
        if call.body != nil {
            headers["content-type"] = "application/json"
            headers["content-length"] = "\(request.body.count)"
        }
        // All of them, and no other.
        guard request.headers == headers else { return "its headers are \(request.headers), not \(headers)" }
        guard let check = call.body else { return request.body.isEmpty ? nil : "it has a body" }
        do throws(JSONParser.Failure) { return check(try JSONParser.parse(request.body)) } catch {
            return "its body is no JSON: \(error.reason)"
        }
    }
}
