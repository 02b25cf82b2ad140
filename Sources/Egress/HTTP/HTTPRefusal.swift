// SPDX-License-Identifier: Apache-2.0

/// Why a request is not sent onwards. Everything that two HTTP parsers have been known to read in two ways is here.
package enum HTTPRefusal: String, Error, Sendable, CaseIterable {
    /// A head over ``RequestHeadReader/longest`` or ``RequestHeadReader/mostFields``, or a trailer section as large.
    case oversized
    /// CR or LF alone (RFC 9112 2.2 lets a recipient guess; a guess is how requests are smuggled).
    case lineEnd = "line-end"
    /// A control character, or a byte outside ASCII, some of which older parsers take for a space or a line end.
    case character
    /// Not "method target HTTP/1.1" with one space each.
    case requestLine = "request-line"
    case version
    /// CONNECT would open a tunnel that no rule can see into.
    case connect
    /// The preface of HTTP/2.
    case http2
    /// Neither origin-form nor "http://" with an authority, or a character that no URL has.
    case target
    /// An absolute-form target whose authority is not the Host field's.
    case targetAuthority = "target-authority"
    /// No name before the colon, or no colon.
    case field
    /// White space before the colon (RFC 9112 5.1).
    case spaceBeforeColon = "space-before-colon"
    /// A line that continues the one before it (RFC 9112 5.2).
    case folded
    /// A name that a CGI-style server reads as a framing field, such as "Content_Length".
    case alias
    case noHost = "no-host"
    case duplicateHost = "duplicate-host"
    /// Not a name or address with an optional port.
    case badHost = "bad-host"
    /// Transfer-Encoding beside Content-Length (RFC 9112 6.1).
    case twoLengths = "two-lengths"
    /// Content-Length twice, even with one value, or anything but digits.
    case contentLength = "content-length"
    /// Anything but exactly one "chunked", or HTTP/1.0.
    case transferEncoding = "transfer-encoding"
    /// A body with GET, HEAD or TRACE: servers that do not expect one read it as the next request.
    case body
    /// A Connection field that takes away what frames or addresses the request.
    case connection
    /// A change to another protocol; an offer of HTTP/2 is only left out.
    case upgrade
    /// An expectation other than 100-continue.
    case expect
    /// A chunk size with anything but 1 to 16 hexadecimal digits, an extension, or a chunk without its line end.
    case chunk
    /// A field that overrides method or path, where a rule compares them.
    case override

    /// What the client is answered.
    package var status: HTTPDenial.Status {
        switch self {
        case .connect, .http2, .upgrade, .override: .forbidden
        default: .badRequest
        }
    }
}
