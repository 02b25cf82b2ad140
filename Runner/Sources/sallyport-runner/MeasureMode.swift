// SPDX-License-Identifier: Apache-2.0
internal import CRunner

/// Checks one commit out, runs the project's measuring command there, and hands the files that it left in
/// `$SALLYPORT_ARTIFACTS` out on descriptor 3:
///
///     "sallyport artifacts 1\n" ( NAME " " SIZE "\n" bytes )* "end\n"
struct MeasureMode {
    private let options: Options

    private static let parent = "/tmp"
    private static let name = "sallyport-artifacts"
    private static let mostFiles = 20
    private static let longestFile = 4 << 20

    init(_ options: Options) { self.options = options }

    func run() throws(Failure) -> Int32 {
        let command = try options.required("--measure-command")
        try Checkout(options).make()
        try enter(Self.parent)
        let made = sp_make_parents(Self.name + "/x")
        guard made >= 0 else { throw Failure("cannot make \(Self.name): \(errorText(made))") }
        try enter(options.workspace)
        let environment = Environment.entries + ["SALLYPORT_ARTIFACTS=\(Self.parent)/\(Self.name)"]
        let end = try Command.shell(command, environment: environment).run()
        try enter(Self.parent + "/" + Self.name)
        try handOut()
        return end.exit_code >= 0 ? end.exit_code : 128 + end.signal
    }

    private func enter(_ directory: String) throws(Failure) {
        let entered = sp_change_directory(directory)
        guard entered == 0 else {
            throw Failure("cannot enter \(directory): \(errorText(entered))", code: .cannotVerify)
        }
    }

    private func handOut() throws(Failure) {
        try write(Array("sallyport artifacts 1\n".utf8))
        var count = 0
        for name in try names() {
            let fd = sp_open_below(name, SP_READ)
            guard fd >= 0 else {
                Log.line("cannot take \(name): \(errorText(fd))")
                continue
            }
            defer { sp_close(Int32(fd)) }
            let size = sp_file_size(Int32(fd))
            guard size >= 0, size <= Self.longestFile, count < Self.mostFiles else {
                Log.line("\(name) is no file, too long, or one too many: left out")
                continue
            }
            var buffer = [CChar](repeating: 0, count: Int(size) + 1)
            let got = buffer.withUnsafeMutableBufferPointer { sp_read_all(Int32(fd), $0.baseAddress!, $0.count) }
            guard got == Int(size) else {
                Log.line("\(name) is still written to: left out")
                continue
            }
            count += 1
            try write(Array("\(name) \(got)\n".utf8) + buffer[..<got].map { UInt8(bitPattern: $0) })
        }
        try write(Array("end\n".utf8))
    }

    private func names() throws(Failure) -> [String] {
        let fd = sp_open_below(".", SP_DIRECTORY)
        guard fd >= 0 else { throw Failure("cannot open \(Self.name): \(errorText(fd))") }
        var buffer = [CChar](repeating: 0, count: 1 << 16)
        let got = buffer.withUnsafeMutableBufferPointer { sp_list_directory(Int32(fd), $0.baseAddress!, $0.count) }
        guard got >= 0 else { throw Failure("cannot list \(Self.name): \(errorText(got))") }
        let rows = buffer[..<got].map { UInt8(bitPattern: $0) }.split(separator: 0).map { Array($0) }
        return rows.filter { $0.first == UInt8(ascii: "f") }.map { String(decoding: $0.dropFirst(), as: UTF8.self) }
    }

    private func write(_ bytes: [UInt8]) throws(Failure) {
        let written = bytes.withUnsafeBufferPointer { buffer in
            buffer.withMemoryRebound(to: CChar.self) { characters in
                characters.baseAddress.map { sp_write_all(3, $0, characters.count) } ?? 0
            }
        }
        guard written == 0 else { throw Failure("cannot hand out the files: \(errorText(written))") }
    }
}
