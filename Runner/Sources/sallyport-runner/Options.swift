// SPDX-License-Identifier: Apache-2.0

/// The command line of one mode; every name is known, every value is present, nothing stands twice.
struct Options {
    private var names: [String] = []
    private var values: [String] = []

    private static let known = [
        "--source", "--base", "--branch", "--task-id", "--prompt", "--agent-command", "--test-command",
        "--test-timeout", "--workspace", "--commit",
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

    /// Longest time for one run of the test command, in milliseconds.
    func testTimeout() throws(Failure) -> Int64 {
        guard let text = self["--test-timeout"] else { return 600_000 }
        var seconds: Int64 = 0
        for byte in text.utf8 {
            guard byte >= 0x30, byte <= 0x39, seconds < 1_000_000 else {
                throw Failure("--test-timeout \"\(text)\" is no number of seconds", code: .usage)
            }
            seconds = seconds * 10 + Int64(byte - 0x30)
        }
        guard seconds > 0 else { throw Failure("--test-timeout must be positive", code: .usage) }
        return seconds * 1000
    }
}
