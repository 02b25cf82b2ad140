// SPDX-License-Identifier: Apache-2.0

/// A command line that does not say what to do, with what would.
package struct UsageError: Error, CustomStringConvertible, Sendable {
    package let message: String
    package init(_ message: String) { self.message = message }
    package var description: String { message }
}

/// One option of a verb.
package struct Option: Sendable {
    package let name: String
    /// What its value is called in the help, or nil for a flag.
    package let value: String?
    package let help: String
    package init(_ name: String, _ value: String? = nil, _ help: String) {
        self.name = name
        self.value = value
        self.help = help
    }
}

/// The options and words of one command line, read against the options its verb declares.
///
/// Everything after `--` is the workload's and is never looked at, so no word of it can become an option of ours
/// (CVE-2024-32462).
package struct Arguments: Sendable {
    package private(set) var flags: Set<String> = []
    package private(set) var values: [(name: String, value: String)] = []
    package private(set) var words: [String] = []
    /// What followed `--`, or nil when there was none.
    package private(set) var command: [String]?

    package init(_ line: [String], options: [Option]) throws(UsageError) {
        var rest = line[...]
        while let word = rest.popFirst() {
            if word == "--" {
                command = Array(rest)
                return
            }
            guard word.hasPrefix("--") else {
                if word.hasPrefix("-") && word.count > 1 {
                    throw UsageError("unknown option \"\(word)\"; options begin with --")
                }
                words.append(word)
                continue
            }
            let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            guard let option = options.first(where: { $0.name == name }) else {
                throw UsageError("unknown option \"--\(name)\"; see --help")
            }
            if option.value == nil {
                guard parts.count == 1 else { throw UsageError("option --\(name) takes no value") }
                flags.insert(name)
            } else if parts.count == 2 {
                values.append((name, String(parts[1])))
            } else {
                guard let value = rest.popFirst() else {
                    throw UsageError("option --\(name) needs a value (\(option.value ?? ""))")
                }
                values.append((name, value))
            }
        }
    }

    package func has(_ flag: String) -> Bool { flags.contains(flag) }

    /// The value of an option that may stand once.
    package func value(_ name: String) throws(UsageError) -> String? {
        let all = values.filter { $0.name == name }
        guard all.count <= 1 else { throw UsageError("option --\(name) is given \(all.count) times") }
        return all.first?.value
    }

    package func all(_ name: String) -> [String] { values.filter { $0.name == name }.map { $0.value } }
}

/// The help of one verb, laid out from its options.
package struct Help: Sendable {
    package let usage: String
    package let summary: String
    package let options: [Option]
    package let notes: String
    package init(usage: String, summary: String, options: [Option], notes: String = "") {
        self.usage = usage
        self.summary = summary
        self.options = options
        self.notes = notes
    }

    package var text: String {
        let rows = options.map { ("  --\($0.name)" + ($0.value.map { " " + $0 } ?? ""), $0.help) }
        let width = (rows.map { $0.0.count }.max() ?? 0) + 2
        let lines = rows.map { $0.0 + String(repeating: " ", count: width - $0.0.count) + $0.1 }
        return
            (["usage: \(usage)", "", summary, ""] + (lines.isEmpty ? [] : ["options:"] + lines + [""])
            + (notes.isEmpty ? [] : [notes]))
            .joined(separator: "\n")
    }
}
