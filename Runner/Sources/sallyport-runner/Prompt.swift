// SPDX-License-Identifier: Apache-2.0
internal import CRunner

/// The task in words.
struct Prompt {
    let file: String
    let text: String

    /// One environment entry holds 128 KiB at most, the text is one of them. execve(2), MAX_ARG_STRLEN
    private static let longest = 100_000

    init(file: String) throws(Failure) {
        var buffer = [CChar](repeating: 0, count: Self.longest)
        let length = buffer.withUnsafeMutableBufferPointer { sp_read_file(file, $0.baseAddress!, $0.count) }
        guard length >= 0 else { throw Failure("cannot read \(file): \(errorText(length))") }
        self.file = file
        text = String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The subject line of a commit that the runner makes: the first line of the task, cut between words.
    var title: String {
        var line: [UInt8] = []
        for scalar in text.unicodeScalars {
            if scalar == "\n" || scalar == "\r" { if line.isEmpty { continue } else { break } }
            if scalar.value < 0x20 || scalar.value == 0x7F { continue }
            line += Array(String(scalar).utf8)
            guard line.count > Self.longestTitle else { continue }
            let end = line[..<Self.longestTitle].lastIndex(of: 0x20) ?? Self.longestTitle
            return String(decoding: line[..<end], as: UTF8.self) + " ..."
        }
        return line.isEmpty ? "task" : String(decoding: line, as: UTF8.self)
    }

    private static let longestTitle = 68
}
