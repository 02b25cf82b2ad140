// SPDX-License-Identifier: Apache-2.0
internal import CRunner

/// A program with its arguments and its whole environment.
struct Command {
    var arguments: [String]
    var environment: [String]

    /// A command line for `/bin/sh -c`.
    static func shell(_ text: String, environment: [String]) -> Command {
        Command(arguments: ["/bin/sh", "-c", text], environment: environment)
    }

    /// Runs it to its end; `output` -1 is our own standard output, 0 milliseconds is no deadline.
    func run(output: Int32 = -1, timeout: Int64 = 0) throws(Failure) -> sp_end {
        try follow(input: nil, output: output, timeout: timeout, events: nil)
    }

    /// Runs it to its end, and takes what it says of itself meanwhile.
    ///
    /// - Parameters:
    ///   - input: A file that becomes its standard input.
    ///   - events: Is asked with each piece that came in; says false to have the command ended.
    func follow(input: String?, output: Int32 = -1, timeout: Int64, events: Events?) throws(Failure) -> sp_end {
        var how = sp_start()
        how.standard_output = output
        let child = withOptionalCString(input) { path in
            how.input = path
            return withVectors { sp_begin($0, $1, &how) }
        }
        guard child > 0 else { throw Failure("cannot run \(arguments[0]): \(errorText(child))") }
        let deadline = timeout > 0 ? sp_milliseconds() + timeout : 0
        var buffer = [CChar](repeating: 0, count: 4096)
        var isLate = false
        while true {
            let came = buffer.withUnsafeMutableBufferPointer {
                sp_await(Int32(child), events?.descriptor ?? -1, $0.baseAddress!, $0.count, deadline)
            }
            if came == 0 { break }
            if came < 0 {
                isLate = true
                break
            }
            guard let events, !events.take(buffer[..<came].map { UInt8(bitPattern: $0) }) else { continue }
            isLate = true
            break
        }
        var end = sp_end()
        let finished = sp_finish(Int32(child), isLate ? 1 : 0, &end)
        guard finished >= 0 else { throw Failure("cannot wait for \(arguments[0]): \(errorText(finished))") }
        return end
    }

    private func withOptionalCString(_ text: String?, _ body: (UnsafePointer<CChar>?) -> Int) -> Int {
        guard let text else { return body(nil) }
        return text.withCString { body($0) }
    }

    /// Runs it and takes its standard output, at most 4 MiB.
    func capture() throws(Failure) -> (end: sp_end, output: [UInt8]) {
        var end = sp_end()
        var buffer = [CChar](repeating: 0, count: 4 << 20)
        let result = buffer.withUnsafeMutableBufferPointer { room in
            withVectors { sp_capture($0, $1, room.baseAddress!, room.count, &end) }
        }
        guard result >= 0 else { throw Failure("cannot run \(arguments[0]): \(errorText(result))") }
        return (end, buffer[..<result].map { UInt8(bitPattern: $0) })
    }

    /// Becomes this program.
    func become() throws(Failure) -> Never {
        let result = withVectors { sp_become($0, $1) }
        throw Failure("cannot execute \(arguments[0]): \(errorText(result))", code: .cannotVerify)
    }

    /// Starts it and returns its id, or the negative number of an error.
    func begin(_ how: sp_start) -> Int {
        var how = how
        return withVectors { sp_begin($0, $1, &how) }
    }

    private func withVectors<Result>(
        _ body: (UnsafePointer<UnsafePointer<CChar>?>, UnsafePointer<UnsafePointer<CChar>?>) -> Result
    ) -> Result {
        let first = CStrings(arguments)
        let second = CStrings(environment)
        defer {
            first.free()
            second.free()
        }
        return body(first.pointers, second.pointers)
    }
}

/// A null-terminated vector of C strings.
private struct CStrings {
    let pointers: UnsafeMutablePointer<UnsafePointer<CChar>?>
    private let count: Int

    init(_ values: [String]) {
        count = values.count
        pointers = .allocate(capacity: values.count + 1)
        for (index, value) in values.enumerated() {
            let bytes = Array(value.utf8)
            let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count + 1)
            for (at, byte) in bytes.enumerated() { copy[at] = CChar(bitPattern: byte) }
            copy[bytes.count] = 0
            pointers[index] = UnsafePointer(copy)
        }
        pointers[values.count] = nil
    }

    func free() {
        for index in 0..<count { pointers[index]?.deallocate() }
        pointers.deallocate()
    }
}

/// The environment that the sandbox gave to the runner.
enum Environment {
    static var entries: [String] {
        var result: [String] = []
        while let entry = sp_environment(result.count) { result.append(String(cString: entry)) }
        return result
    }

    static func value(of name: String) -> String? {
        let start = Array((name + "=").utf8)
        for entry in entries where entry.utf8.starts(with: start) {
            return String(decoding: Array(entry.utf8.dropFirst(start.count)), as: UTF8.self)
        }
        return nil
    }

    /// All entries but those whose name starts with a prefix.
    static func without(prefix: String) -> [String] { entries.filter { !$0.utf8.starts(with: prefix.utf8) } }

    /// Looks a program up in PATH.
    static func find(_ program: String) throws(Failure) -> String {
        var path = "/usr/local/bin:/usr/bin:/bin"
        for entry in entries where entry.utf8.starts(with: "PATH=".utf8) {
            path = String(decoding: Array(entry.utf8.dropFirst(5)), as: UTF8.self)
        }
        for directory in path.utf8.split(separator: 0x3A) {
            let candidate = String(decoding: Array(directory), as: UTF8.self) + "/" + program
            if sp_is_executable(candidate) == 0 { return candidate }
        }
        throw Failure("\(program) is not in PATH; use a rootfs that has it")
    }
}

/// The words for a negative result of the C side.
func errorText(_ result: Int) -> String { String(cString: sp_error_text(Int32(-result))) }
