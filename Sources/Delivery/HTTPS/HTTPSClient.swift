// SPDX-License-Identifier: Apache-2.0
internal import CCurl
package import LinuxSystem
package import Workspace

/// A client for one server: HTTPS only, without redirects, proxies, cookies, stored passwords or any setting of the caller.
///
/// Plain HTTP is spoken to an explicit loopback address only, where nobody else's network lies between. A credential is a
/// header of requests to this one server; no answer can have it sent elsewhere, and no error holds it.
package struct HTTPSClient: Sendable {
    /// "https://host[:port]"
    package let origin: String
    /// A file of certificates to trust instead of the host's, as PEM.
    package var authorities: String?
    package var limits = Limits()

    package struct Limits: Sendable {
        package var connectMilliseconds = 15_000
        /// For one request with its answer.
        package var totalMilliseconds = 60_000
        package var headerBytes = 64 << 10
        package var bodyBytes = 16 << 20

        package init() {}
    }

    /// - Parameter url: Any address of the server; only its origin is used.
    package init(_ url: RemoteURL) throws(HTTPSFailure) {
        guard url.isSecure || url.isLoopback else {
            throw HTTPSFailure(.address, "it is plain HTTP, which everybody on the way can read", wasNotSent: true)
        }
        origin = url.origin
    }

    /// Sends one request and waits for the whole answer, whatever its status is.
    ///
    /// - Parameter credential: Becomes "Authorization: Bearer ..."; nil sends none.
    package func send(_ request: HTTPSRequest, credential: Secret?) throws(HTTPSFailure) -> HTTPSResponse {
        guard Self.isStarted, let handle = curl_easy_init() else {
            throw HTTPSFailure(.unreachable, "libcurl does not start", wasNotSent: true)
        }
        defer { curl_easy_cleanup(handle) }
        var transfer = Transfer(handle)
        defer { transfer.end() }
        let receiver = Receiver(limits)
        try configure(&transfer)
        try transfer.ask(request, at: origin, credential: credential)
        return try withExtendedLifetime(receiver) { () throws(HTTPSFailure) in
            try transfer.receive(into: receiver)
            return try transfer.perform(receiver)
        }
    }

    /// libcurl wants to be started once, before any thread uses it. curl_global_init(3)
    private static let isStarted = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    private func configure(_ transfer: inout Transfer) throws(HTTPSFailure) {
        let scheme = origin.hasPrefix("https:") ? "https" : "http"
        try transfer.set(CURLOPT_PROTOCOLS_STR, scheme)
        // Whoever moved says so; a redirect would take the request, and what it carries, elsewhere.
        try transfer.set(CURLOPT_FOLLOWLOCATION, 0)
        // The empty name also keeps the environment's from being used. CURLOPT_PROXY(3)
        try transfer.set(CURLOPT_PROXY, "")
        try transfer.set(CURLOPT_NETRC, Int(CURL_NETRC_IGNORED.rawValue))
        try transfer.set(CURLOPT_SSL_VERIFYPEER, 1)
        try transfer.set(CURLOPT_SSL_VERIFYHOST, 2)
        try transfer.set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        if let authorities {
            try transfer.set(CURLOPT_CAINFO, authorities)
            // Or the host's own would be trusted besides. CURLOPT_CAPATH(3)
            try transfer.set(CURLOPT_CAPATH, nil)
        }
        try transfer.set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        try transfer.set(CURLOPT_PATH_AS_IS, 1)
        // No signal of its own: others wait for theirs. CURLOPT_NOSIGNAL(3)
        try transfer.set(CURLOPT_NOSIGNAL, 1)
        try transfer.set(CURLOPT_CONNECTTIMEOUT_MS, limits.connectMilliseconds)
        try transfer.set(CURLOPT_TIMEOUT_MS, limits.totalMilliseconds)
    }
}
