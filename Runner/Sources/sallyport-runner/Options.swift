// SPDX-License-Identifier: Apache-2.0

/// The command line of one mode; every name is known, every value is present, nothing stands twice.
struct Options {
    private var names: [String] = []
    private var values: [String] = []

    private static let known = [
        "--source", "--origin", "--base", "--start", "--branch", "--task-id", "--prompt", "--prompt-version",
        "--evidence",
        "--prompt-by",
        "--task-file",
        "--agent-command", "--agent-script", "--agent-timeout", "--agent-turns", "--setup-command", "--build-command",
        "--lint-command", "--test-command", "--test-timeout", "--workspace", "--commit", "--api", "--model", "--turns",
        "--measure-command", "--context-tokens", "--output-tokens",
    ]

    init(_ arguments: [String], mode: String) throws(Failure) {
        var index = 0
        while index < arguments.count {
            let name = arguments[index]
            guard Self.known.contains(name) else { throw Failure("\(mode) knows no option \"\(name)\"", code: .usage) }
            guard index + 1 < arguments.count else { throw Failure("\(name) needs a value", code: .usage) }
            guard !names.contains(name) else { throw Failure("\(name) is given twice", code: .usage) }
            names.append(name)
            values.append(arguments[index + 1])
            index += 2
        }
    }

    /// The value of an option, or nil when it was not given.
    subscript(name: String) -> String? {
        for index in names.indices where names[index] == name { return values[index] }
        return nil
    }

    func required(_ name: String) throws(Failure) -> String {
        guard let value = self[name], !value.isEmpty else { throw Failure("\(name) is missing", code: .usage) }
        return value
    }

    /// The directory that becomes the clone.
    var workspace: String { self["--workspace"] ?? "/workspace" }

    /// A time in seconds as milliseconds.
    func seconds(_ name: String, default milliseconds: Int64) throws(Failure) -> Int64 {
        guard self[name] != nil else { return milliseconds }
        let value = try count(name)
        guard value > 0 else { throw Failure("\(name) must be positive", code: .usage) }
        return Int64(value) * 1000
    }

    /// A number; 0 when it was not given.
    func count(_ name: String) throws(Failure) -> Int {
        guard let text = self[name] else { return 0 }
        var value = 0
        for byte in text.utf8 {
            guard byte >= 0x30, byte <= 0x39, value < 1_000_000 else {
                throw Failure("\(name) \"\(text)\" is no number", code: .usage)
            }
            value = value * 10 + Int(byte - 0x30)
        }
        return value
    }
}
