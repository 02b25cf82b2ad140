// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem

/// The task in the words of the person who gave it.
struct TaskText {
    let text: String

    /// The agent gets it as one environment entry, and the kernel takes 128 KiB in one. execve(2), MAX_ARG_STRLEN
    static let longest = 65_536

    /// - Parameters:
    ///   - argument: The text, or `@` and the path of a file that holds it.
    ///   - what: Its name in errors.
    init(argument: String, what: String = "the task's text", longest: Int = Self.longest) throws(TaskFailure) {
        func unusable(_ reason: String, _ remedy: String) -> TaskFailure {
            TaskFailure("use", what, reason, remedy: remedy)
        }
        let bytes: [UInt8]
        if argument.hasPrefix("@") {
            let path = String(argument.dropFirst())
            bytes = try host { () throws(SystemError) -> [UInt8] in
                let file = try Descriptor.open(path, O_RDONLY)
                return try file.readAll(limit: longest, subject: "\"\(path)\"")
            }
        } else {
            bytes = Array(argument.utf8)
        }
        guard bytes.count <= longest else {
            throw unusable(
                "it is longer than \(longest) bytes", "Put the details in a file of the repository.")
        }
        guard let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
            throw unusable("it is no UTF-8 text", "Save it as UTF-8.")
        }
        guard text.contains(where: { !$0.isWhitespace }) else { throw unusable("it is empty", "Say what to do.") }
        self.text = text
    }

    /// The first line that says something, cut.
    static func title(of text: String) -> String {
        let line = text.split(separator: "\n").map { $0.drop { $0 == "#" || $0 == " " } }.first { !$0.isEmpty } ?? ""
        return String(String.UnicodeScalarView(line.unicodeScalars.filter { $0.value >= 0x20 }.prefix(200)))
    }

    /// At most 40 of `[a-z0-9-]`, for the branch name.
    static func slug(of text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            if result.utf8.count >= 40 { break }
            switch scalar {
            case "a"..."z", "0"..."9": result.unicodeScalars.append(scalar)
            case "A"..."Z": result.unicodeScalars.append(Unicode.Scalar(UInt8(scalar.value) + 32))
            default: if !result.isEmpty && !result.hasSuffix("-") { result += "-" }
            }
        }
        while result.hasSuffix("-") { result.removeLast() }
        return result.isEmpty ? "task" : result
    }
}
