// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

/// A real program that people use, as they use it: no option and no variable tells it about a sandbox.
struct NetworkClient: Sendable, CustomTestStringConvertible {
    let name: String
    /// Fetches something from an allowed name, and prints what `expected` says.
    let allowed: String
    let expected: String
    /// The same for a denied name: the exit code, and what the program says of it.
    let denied: String
    let code: Int32
    let error: String
    /// A program that has to be there, or built first into the directory that is mounted at /run/made.
    let program: String
    let make: [String]

    var testDescription: String { name }

    init(
        _ name: String, program: String, make: [String] = [], allowed: String,
        expected: String = "hello from www.allowed-lab.net", denied: String, code: Int32, error: String
    ) {
        self.name = name
        self.program = program
        self.make = make
        self.allowed = allowed
        self.expected = expected
        self.denied = denied
        self.code = code
        self.error = error
    }

    static let url = "https://www.allowed-lab.net/"
    static let deniedURL = "https://www.denied-lab.org/"

    static let all: [NetworkClient] = [
        NetworkClient(
            "curl", program: "/usr/bin/curl", allowed: "curl -sS \(url)", denied: "curl -sS \(deniedURL)", code: 6,
            error: "curl: (6) Could not resolve host: www.denied-lab.org"),
        NetworkClient(
            "curl, HTTP/2 from nginx", program: "/usr/sbin/nginx",
            allowed: "curl -sS --http2 https://nginx.allowed-lab.net/", expected: "hello from nginx.allowed-lab.net",
            denied: "curl -sS --http2 https://nginx.denied-lab.org/", code: 6,
            error: "curl: (6) Could not resolve host: nginx.denied-lab.org"),
        NetworkClient(
            "git", program: "/usr/bin/git",
            allowed: "git clone -q https://git.allowed-lab.net/git/sample.git /tmp/sample && cat /tmp/sample/README",
            expected: "a repository of the laboratory",
            denied: "git clone -q https://git.denied-lab.org/git/sample.git /tmp/sample", code: 128,
            error: "Could not resolve host: git.denied-lab.org"),
        NetworkClient(
            "Python urllib", program: "/usr/bin/python3",
            allowed: python("urllib.request", "urllib.request.urlopen('\(url)').read().decode()"),
            denied: python("urllib.request", "urllib.request.urlopen('\(deniedURL)')"), code: 1,
            error: "<urlopen error [Errno -2] Name or service not known>"),
        NetworkClient(
            "Python requests", program: "/usr/lib/python3/dist-packages/requests/__init__.py",
            allowed: python("requests", "requests.get('\(url)').text"),
            denied: python("requests", "requests.get('\(deniedURL)')"), code: 1,
            error: "[Errno -2] Name or service not known"),
        NetworkClient(
            "Node", program: "/usr/bin/node",
            allowed: node("fetch('http://www.allowed-lab.net/').then(a => a.text()).then(console.log)"),
            denied: node("fetch('\(deniedURL)').catch(e => { console.error(e.cause.message); process.exit(7) })"),
            code: 7, error: "getaddrinfo ENOTFOUND www.denied-lab.org"),
        NetworkClient(
            "Java", program: "/usr/bin/javac",
            make: [
                "javac -d \"$OUT\" \"$SOURCES/Fetch.java\"",
                // The system's own looks for its configuration in /etc, of which the sandbox shows little.
                "jlink --add-modules java.base --output \"$OUT/jre\"",
            ],
            allowed: "/run/made/jre/bin/java -cp /run/made Fetch http://www.allowed-lab.net/",
            denied: "/run/made/jre/bin/java -cp /run/made Fetch http://www.denied-lab.org/", code: 1,
            error: "java.net.UnknownHostException: www.denied-lab.org: Name or service not known"),
        NetworkClient(
            "Go", program: "/usr/bin/go",
            make: ["CGO_ENABLED=0 HOME=\"$OUT\" go build -o \"$OUT/fetch\" \"$SOURCES/fetch.go\""],
            allowed: "/run/made/fetch \(url)", denied: "/run/made/fetch \(deniedURL)", code: 1,
            error: "lookup www.denied-lab.org on 198.18.0.53:53: no such host"),
        NetworkClient(
            "busybox wget", program: "/usr/bin/busybox",
            allowed: "busybox wget -q -O - http://www.allowed-lab.net/",
            denied: "busybox wget -q -O - http://www.denied-lab.org/", code: 1,
            error: "wget: bad address 'www.denied-lab.org'"),
        NetworkClient(
            "static musl", program: "/usr/bin/musl-gcc",
            make: ["musl-gcc -static -O1 -o \"$OUT/resolve\" \"$SOURCES/resolve.c\""],
            allowed: "/run/made/resolve www.allowed-lab.net", denied: "/run/made/resolve www.denied-lab.org", code: 1,
            error: "www.denied-lab.org: Name does not resolve"),
        NetworkClient(
            "dig", program: "/usr/bin/dig", allowed: "dig www.allowed-lab.net", expected: "198.18.",
            denied: "dig www.denied-lab.org | grep -E 'status|EDE' >&2; exit 4", code: 4, error: "status: NXDOMAIN"),
        NetworkClient(
            "dig, over TCP", program: "/usr/bin/dig", allowed: "dig +tcp www.allowed-lab.net AAAA", expected: "fd53:",
            denied: "dig +tcp www.denied-lab.org | grep EDE >&2; exit 4", code: 4, error: "EDE: 15 (Blocked)"),
    ]

    private static func python(_ module: String, _ expression: String) -> String {
        "/usr/bin/python3 -c \"import \(module); print(\(expression))\""
    }

    private static func node(_ script: String) -> String { "node -e \"\(script)\"" }
}
