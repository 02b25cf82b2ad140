// SPDX-License-Identifier: Apache-2.0
internal import CCares
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Policy

/// Looks names up outside the sandbox, with the host's own resolvers, in the loop's thread.
///
/// c-ares parses the answers; this process has no privilege, so that a flaw there gains nothing. Its sockets and its
/// clock are the loop's. It asks the servers of the host's resolv.conf, read once at the start; lines of /etc/hosts come
/// from the supervisor.
final class Resolver {
    /// Why there is no address.
    enum Failure: Error, Equatable {
        /// The name does not exist, or has no address.
        case noAddress
        /// No resolver gave an answer in time, or its answer was an error.
        case unavailable(String)
    }

    typealias Answer = Result<[IPAddress], Failure>

    private struct Cached {
        let addresses: [IPAddress]
        let expiry: UInt64
    }

    private let loop: EventLoop
    private var hosts: [String: [IPAddress]] = [:]
    private var channel: ares_channel?
    private var registrations: [Int32: EventLoop.Registration] = [:]
    private var timer: LoopTimer?
    private var cache: [String: Cached] = [:]
    private static let mostCached = 1024

    /// Opens the library's own sockets and files: before this process gives up files by name.
    init(_ loop: EventLoop) throws(SystemError) {
        self.loop = loop
        var status = ares_library_init(CInt(ARES_LIB_INIT_ALL))
        if status == ARES_SUCCESS { status = open() }
        guard status == ARES_SUCCESS else {
            throw SystemError(
                "start", "the resolver (\(Self.text(status)))", .invalid,
                remedy: "Check the nameserver lines of the host's /etc/resolv.conf.")
        }
    }

    /// Takes the host's own lines of names in place of those it had.
    func setHosts(_ lines: [EgressConfiguration.HostLine]) {
        hosts = [:]
        for line in lines { hosts[line.name.text, default: []] += line.addresses }
    }

    private func open() -> CInt {
        var options = ares_options()
        // No search list: a name of a rule is a whole name.
        options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES
        options.timeout = 2000
        options.tries = 3
        options.sock_state_cb = socketStateChanged
        options.sock_state_cb_data = Unmanaged.passUnretained(self).toOpaque()
        let mask =
            ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB | ARES_OPT_LOOKUPS
        // "b": the network only; the host's file cannot be opened any more when a name is looked up. The library makes a
        // copy for itself. ares_init_options(3)
        var lookups: (CChar, CChar) = (CChar(UInt8(ascii: "b")), 0)
        return withUnsafeMutableBytes(of: &lookups) { text in
            options.lookups = text.baseAddress?.assumingMemoryBound(to: CChar.self)
            return ares_init_options(&channel, &options, mask)
        }
    }

    deinit {
        if let channel { ares_destroy(channel) }
        ares_library_cleanup()
    }

    // MARK: Look-ups

    /// Finds the addresses of a name; `done` is called later, or at once when they are known.
    func resolve(_ name: String, _ done: @escaping (Answer) -> Void) {
        if let listed = hosts[name] { return done(.success(listed)) }
        if let known = cache[name], known.expiry > loop.now { return done(.success(known.addresses)) }
        let question = Question(self, name, done)
        var hints = ares_addrinfo_hints()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        // Sorting would open a socket to every address to see which source it gets; each is vetted first. RFC 6724
        hints.ai_flags = ARES_AI_NOSORT
        ares_getaddrinfo(
            channel, name, nil, &hints, lookupEnded, Unmanaged.passRetained(question).toOpaque())
        schedule()
    }

    fileprivate func ended(_ name: String, _ status: CInt, _ result: UnsafeMutablePointer<ares_addrinfo>?) -> Answer {
        defer { if let result { ares_freeaddrinfo(result) } }
        guard status == ARES_SUCCESS else {
            if status == ARES_ENOTFOUND || status == ARES_ENODATA { return .failure(.noAddress) }
            return .failure(.unavailable(Self.text(status)))
        }
        var addresses: [IPAddress] = []
        var seconds: UInt64 = 60
        var node = result?.pointee.nodes
        while let current = node?.pointee {
            if let address = Self.address(current) {
                if !addresses.contains(address) { addresses.append(address) }
                seconds = min(seconds, UInt64(max(0, current.ai_ttl)))
            }
            node = current.ai_next
        }
        guard !addresses.isEmpty else { return .failure(.noAddress) }
        if cache.count >= Self.mostCached { cache.removeAll() }
        cache[name] = Cached(addresses: addresses, expiry: loop.now + seconds * 1_000_000_000)
        return .success(addresses)
    }

    private static func address(_ node: ares_addrinfo_node) -> IPAddress? {
        guard let raw = UnsafeRawPointer(node.ai_addr) else { return nil }
        switch node.ai_family {
        case AF_INET:
            let address = raw.assumingMemoryBound(to: sockaddr_in.self).pointee
            return withUnsafeBytes(of: address.sin_addr) { IPAddress(bytes: $0) }
        case AF_INET6:
            let address = raw.assumingMemoryBound(to: sockaddr_in6.self).pointee
            return withUnsafeBytes(of: address.sin6_addr) { IPAddress(bytes: $0) }
        default: return nil
        }
    }

    private static func text(_ status: CInt) -> String { String(cString: ares_strerror(status)) }

    // MARK: Sockets and time

    fileprivate func watch(_ socket: Int32, reads: Bool, writes: Bool) {
        if let old = registrations.removeValue(forKey: socket) { loop.remove(old) }
        guard reads || writes else { return }
        let events = (reads ? SP_EPOLLIN : 0) | (writes ? SP_EPOLLOUT : 0)
        do throws(SystemError) {
            registrations[socket] = try loop.add(socket, events, self, tag: Int(socket))
        } catch {
            // Unwatched, its look-up ends by its own time limit and is reported as unavailable.
        }
    }

    /// c-ares says when it wants to look at the clock again.
    private func schedule() {
        timer?.cancel()
        timer = nil
        var wait = timeval()
        guard let channel, ares_timeout(channel, nil, &wait) != nil else { return }
        let milliseconds = UInt64(max(0, wait.tv_sec)) * 1000 + UInt64(max(0, wait.tv_usec)) / 1000 + 1
        timer = loop.after(milliseconds: milliseconds) { [weak self] in
            self?.process(ARES_SOCKET_BAD, ARES_SOCKET_BAD)
        }
    }

    private func process(_ readable: ares_socket_t, _ writable: ares_socket_t) {
        ares_process_fd(channel, readable, writable)
        schedule()
    }
}

extension Resolver: EventSource {
    func ready(_ events: UInt32, tag: Int) {
        let socket = ares_socket_t(tag)
        let failed = events & (SP_EPOLLERR | SP_EPOLLHUP) != 0
        process(
            events & SP_EPOLLIN != 0 || failed ? socket : ARES_SOCKET_BAD,
            events & SP_EPOLLOUT != 0 ? socket : ARES_SOCKET_BAD)
    }
}

/// What a look-up needs until its answer comes.
private final class Question {
    weak var resolver: Resolver?
    let name: String
    let done: (Resolver.Answer) -> Void

    init(_ resolver: Resolver, _ name: String, _ done: @escaping (Resolver.Answer) -> Void) {
        self.resolver = resolver
        self.name = name
        self.done = done
    }
}

// Functions and not closures: a closure literal could inherit an actor and trap when C calls it.
private func lookupEnded(
    _ data: UnsafeMutableRawPointer?, _ status: CInt, _ timeouts: CInt, _ result: UnsafeMutablePointer<ares_addrinfo>?
) {
    guard let data else { return }
    let question = Unmanaged<Question>.fromOpaque(data).takeRetainedValue()
    // Nil and this status: the resolver itself is going away. ares_destroy(3)
    guard status != ARES_EDESTRUCTION, let resolver = question.resolver else { return }
    question.done(resolver.ended(question.name, status, result))
}

private func socketStateChanged(
    _ data: UnsafeMutableRawPointer?, _ socket: ares_socket_t, _ readable: CInt, _ writable: CInt
) {
    guard let data else { return }
    Unmanaged<Resolver>.fromOpaque(data).takeUnretainedValue().watch(
        socket, reads: readable != 0, writes: writable != 0)
}
