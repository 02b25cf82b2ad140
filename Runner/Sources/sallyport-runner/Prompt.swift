// SPDX-License-Identifier: Apache-2.0
internal import CRunner

/// What the agent is told: the whole prompt, and the task itself in the words of whoever gave it.
struct Prompt {
    let file: String
    let text: String
    let task: String
    /// The subject line of a commit that the runner makes.
    let title: String

    /// One environment entry and one argument hold 128 KiB at most. execve(2), MAX_ARG_STRLEN
    static let longest = 125_000

    /// - Parameters:
    ///   - task: A file with the task's own words; without it the prompt is the task.
    init(file: String, task: String?) throws(Failure) {
        guard let text = Self.text(of: file, longest: Self.longest) else { throw Failure("cannot read \(file)") }
        self.file = file
        self.text = text
        if let task {
            guard let words = Self.text(of: task, longest: Self.longest) else { throw Failure("cannot read \(task)") }
            self.task = words
        } else {
            self.task = text
        }
        title = Self.title(of: self.task)
    }

    /// A small file; nil when it is not there or longer.
    static func text(of file: String, longest: Int) -> String? {
        var buffer = [CChar](repeating: 0, count: longest)
        let length = buffer.withUnsafeMutableBufferPointer { sp_read_file(file, $0.baseAddress!, $0.count) }
        guard length >= 0 else { return nil }
        return String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The first line of the task, cut between words.
    private static func title(of text: String) -> String {
        var line: [UInt8] = []
        for scalar in text.unicodeScalars {
            if scalar == "\n" || scalar == "\r" { if line.isEmpty { continue } else { break } }
            if scalar.value < 0x20 || scalar.value == 0x7F { continue }
            // The sign of a Markdown heading is no part of it.
            if line.isEmpty && (scalar == "#" || scalar == " ") { continue }
            line += Array(String(scalar).utf8)
            guard line.count > longestTitle else { continue }
            let end = line[..<longestTitle].lastIndex(of: 0x20) ?? longestTitle
            return String(decoding: line[..<end], as: UTF8.self) + " ..."
        }
        return line.isEmpty ? "task" : String(decoding: line, as: UTF8.self)
    }

    private static let longestTitle = 68
}
