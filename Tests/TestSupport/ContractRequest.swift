// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

struct ContractAnswer {
    var status: Int
    var headers: [(String, String)]
    var body: [UInt8]
}

/// A request as it came over one connection.
struct ContractRequest {
    private(set) var method = ""
    private(set) var target = ""
    /// By lower-case names; one that comes twice has both values.
    private(set) var headers: [String: String] = [:]
    private(set) var body: [UInt8] = []

    var path: String { String(target.split(separator: "?", maxSplits: 1)[0]) }
    private var query: String { target.split(separator: "?", maxSplits: 1).dropFirst().first.map(String.init) ?? "" }

    private static let end = Array("\r\n\r\n".utf8)

    /// Nil for what is no request.
    init?(reading client: Int32) {
        var bytes: [UInt8] = []
        while bytes.firstRange(of: Self.end) == nil { if !Self.read(client, &bytes) { return nil } }
        guard let split = bytes.firstRange(of: Self.end) else { return nil }
        var lines = String(decoding: bytes[..<split.lowerBound], as: UTF8.self).split(separator: "\r\n")
        let words = lines.removeFirst().split(separator: " ")
        guard words.count == 3, words[1].hasPrefix("/") else { return nil }
        (method, target) = (String(words[0]), String(words[1]))
        for line in lines {
            guard let colon = line.firstIndex(of: ":") else { return nil }
            let value = String(line[line.index(after: colon)...].drop { $0 == " " })
            headers[line[..<colon].lowercased(), default: ""] += value
        }
        body = Array(bytes[split.upperBound...])
        let length = headers["content-length"].flatMap { Int($0) } ?? 0
        while body.count < length { if !Self.read(client, &body) { return nil } }
    }

    private static func read(_ client: Int32, _ bytes: inout [UInt8]) -> Bool {
        var piece = [UInt8](repeating: 0, count: 65536)
        let count = piece.withUnsafeMutableBytes { sp_read(client, $0.baseAddress!, $0.count) }
        if count > 0 { bytes += piece[..<count] }
        return count > 0
    }

    static func send(_ answer: ContractAnswer, to client: Int32) {
        var head = "HTTP/1.1 \(answer.status) Said\r\nConnection: close\r\n"
        if !answer.headers.contains(where: { $0.0.lowercased() == "content-length" }) {
            head += "Content-Length: \(answer.body.count)\r\n"
        }
        for (name, value) in answer.headers { head += "\(name): \(value)\r\n" }
        let bytes = Array("\(head)\r\n".utf8) + answer.body
        var done = 0
        while done < bytes.count {
            // A client that has gone away is its own loss, and no signal. send(2)
            let sent = bytes.withUnsafeBytes {
                Glibc.send(client, $0.baseAddress! + done, $0.count - done, Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else { return }
            done += sent
        }
    }

    /// Has git's own server answer.
    func servedByGit(_ repositories: String) throws(HarnessError) -> ContractAnswer {
        var command = Command("/usr/bin/git", ["-c", "safe.directory=*", "http-backend"])
        command.environment = [
            "PATH": "/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_PROJECT_ROOT": repositories, "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path, "QUERY_STRING": query,
            "REQUEST_METHOD": method, "REMOTE_USER": "task", "CONTENT_TYPE": headers["content-type"] ?? "",
            "CONTENT_LENGTH": "\(body.count)", "HTTP_CONTENT_ENCODING": headers["content-encoding"] ?? "",
            "GIT_PROTOCOL": headers["git-protocol"] ?? "",
        ]
        command.input = body
        let done = try command.run()
        guard let split = done.output.firstRange(of: Self.end) else {
            throw HarnessError("git http-backend: \(done.errorText)")
        }
        var answer = ContractAnswer(status: 200, headers: [], body: Array(done.output[split.upperBound...]))
        for line in String(decoding: done.output[..<split.lowerBound], as: UTF8.self).split(separator: "\r\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = String(line[line.index(after: colon)...].drop { $0 == " " })
            if line[..<colon] == "Status" {
                answer.status = Int(value.prefix(3)) ?? 500
            } else {
                answer.headers.append((String(line[..<colon]), value))
            }
        }
        return answer
    }
}
