// SPDX-License-Identifier: Apache-2.0
internal import CRunner

extension AgentTools {
    private static let longestFile = 8 << 20
    private static let mostLines = 1_000_000

    private enum Opened {
        case file([UInt8])
        case result(ToolResult)
    }

    func read(_ call: ToolCall) -> ToolResult {
        guard let first = number("first_line", of: call, 1...Self.mostLines, default: 1),
            let lines = number("lines", of: call, 1...Self.mostLines, default: 500)
        else { return .failed("first_line and lines begin at 1") }
        switch open(call) {
        case .result(let result): return result
        case .file(let bytes):
            if TextView.isBinary(bytes) { return ToolResult("[no text: \(bytes.count) bytes]") }
            return ToolResult(TextView.numbered(bytes, first: first, count: lines))
        }
    }

    func edit(_ call: ToolCall) -> ToolResult {
        guard let path = string("path", of: call), let old = string("old", of: call), let new = string("new", of: call)
        else { return .failed("it needs path, old and new") }
        switch open(call) {
        case .result(let result): return .failed(result.text)
        case .file(let bytes):
            switch TextEdit.apply(old, new, to: bytes) {
            case .refused(let reason): return .failed("not edited: \(reason)")
            case .applied(let edited, let line):
                if let failure = put(edited, at: path) {
                    // Emptied, and not filled again: a full disk must not cost the file.
                    _ = put(bytes, at: path)
                    return failure
                }
                return ToolResult("edited at line \(line)")
            }
        }
    }

    func write(_ call: ToolCall) -> ToolResult {
        guard let path = string("path", of: call), let content = string("content", of: call) else {
            return .failed("it needs path and content")
        }
        return put(Array(content.utf8), at: path) ?? ToolResult("wrote \(content.utf8.count) bytes")
    }

    /// The files that the host reads, by the names that the prompt has for them.
    private static let named = ["$SALLYPORT_FINDINGS", "$SALLYPORT_PLAN", "$SALLYPORT_SUMMARY"]

    /// - Returns: Nil when it is written.
    private func put(_ bytes: [UInt8], at text: String) -> ToolResult? {
        if Self.named.contains(text),
            let path = Environment.value(of: String(decoding: text.utf8.dropFirst(), as: UTF8.self))
        {
            let written = characters(bytes) { sp_write_file(path, $0, $1) }
            return written < 0 ? .failed("cannot write \(text): \(errorText(written))") : nil
        }
        let path: String
        switch WorkPath.resolve(text, top: top) {
        case .refused(let reason): return .failed(reason)
        case .inside(let inside): path = inside
        }
        let made = sp_make_parents(path)
        let fd = made < 0 ? made : sp_open_below(path, SP_WRITE)
        guard fd >= 0 else { return .failed(failure("write", text, fd)) }
        defer { sp_close(Int32(fd)) }
        let written =
            sp_file_size(Int32(fd)) < 0 ? -Int(SP_NOT_A_FILE) : characters(bytes) { sp_write_all(Int32(fd), $0, $1) }
        return written < 0 ? .failed(failure("write", text, written)) : nil
    }

    private func characters(_ bytes: [UInt8], _ body: (UnsafePointer<CChar>, Int) -> Int) -> Int {
        // Never without an address, not even for nothing.
        (bytes + [0]).withUnsafeBufferPointer { buffer in
            buffer.withMemoryRebound(to: CChar.self) { body($0.baseAddress!, bytes.count) }
        }
    }

    private func open(_ call: ToolCall) -> Opened {
        let text = string("path", of: call) ?? ""
        switch WorkPath.resolve(text, top: top) {
        case .refused(let reason): return .result(.failed(reason))
        case .inside(let path):
            switch contents(path, longest: Self.longestFile) {
            case .success(let bytes): return .file(bytes)
            case .failure(let error): return .result(ToolResult(failure("read", text, -Int(error.number))))
            }
        }
    }

    private struct ErrorNumber: Error { let number: Int }

    private func contents(_ path: String, longest: Int) -> Result<[UInt8], ErrorNumber> {
        let fd = sp_open_below(path, SP_READ)
        guard fd >= 0 else { return .failure(ErrorNumber(number: -fd)) }
        defer { sp_close(Int32(fd)) }
        let size = Int(sp_file_size(Int32(fd)))
        guard size >= 0 else { return .failure(ErrorNumber(number: -size)) }
        guard size <= longest else { return .failure(ErrorNumber(number: Int(SP_TOO_LONG))) }
        var buffer = [CChar](repeating: 0, count: size + 1)
        let got = buffer.withUnsafeMutableBufferPointer { sp_read_all(Int32(fd), $0.baseAddress!, size) }
        guard got >= 0 else { return .failure(ErrorNumber(number: -got)) }
        return .success(buffer[..<got].map { UInt8(bitPattern: $0) })
    }

    private func failure(_ verb: String, _ path: String, _ result: Int) -> String {
        let shown = PlainText.line(path)
        if result == -Int(SP_LEADS_OUT) { return "cannot \(verb) \(shown): \(WorkPath.outside)" }
        return "cannot \(verb) \(shown): \(errorText(result))"
    }

    // MARK: Directories

    private static let mostEntries = 500
    private static let mostFiles = 20_000
    private static let mostMatches = 100
    private static let longestSearched = 1 << 20

    private struct Entry {
        let kind: UInt8
        let path: String
    }

    func list(_ call: ToolCall) -> ToolResult {
        guard let depth = number("depth", of: call, 1...5, default: 2) else { return .failed("depth is from 1 to 5") }
        let text = string("path", of: call) ?? "."
        switch WorkPath.resolve(text, top: top) {
        case .refused(let reason): return .failed(reason)
        case .inside(let path):
            var rows: [String] = []
            let listed = walk(path, depth: depth) { entry in
                rows.append(PlainText.line(entry.path, longest: 1000) + (entry.kind == Self.directory ? "/" : ""))
                return rows.count < Self.mostEntries
            }
            if listed < 0 { return ToolResult(failure("list", text, listed)) }
            if rows.count == Self.mostEntries { rows.append("[there may be more; name a directory]") }
            return ToolResult(rows.joined(separator: "\n"))
        }
    }

    func search(_ call: ToolCall) -> ToolResult {
        guard let wanted = string("text", of: call).map({ Array($0.utf8) }), !wanted.isEmpty, !wanted.contains(0x0A)
        else {
            return .failed("the text is empty, or has more than one line; search for one line of it")
        }
        let text = string("path", of: call) ?? "."
        switch WorkPath.resolve(text, top: top) {
        case .refused(let reason): return .failed(reason)
        case .inside(let path):
            var rows: [String] = []
            var files = 0
            func look(_ file: String) -> Bool {
                files += 1
                if case .success(let bytes) = contents(file, longest: Self.longestSearched) {
                    rows += TextView.matches(
                        wanted, in: bytes, place: PlainText.line(file, longest: 1000),
                        most: Self.mostMatches - rows.count)
                }
                return rows.count < Self.mostMatches && files < Self.mostFiles
            }
            let walked = walk(path, depth: 64) { $0.kind == Self.file ? look($0.path) : true }
            if walked == -Int(SP_NO_DIRECTORY) {
                _ = look(path)
            } else if walked < 0 {
                return ToolResult(failure("search", text, walked))
            }
            if rows.count >= Self.mostMatches || files >= Self.mostFiles {
                rows.append("[there may be more; name a directory]")
            }
            return ToolResult(rows.isEmpty ? "[no line contains it]" : rows.joined(separator: "\n"))
        }
    }

    private static let directory = UInt8(ascii: "d")
    private static let file = UInt8(ascii: "f")

    /// Entries in the order of their bytes, each directory before what is in it; links are not followed.
    ///
    /// - Parameter visit: Says false to end the walk.
    /// - Returns: Negative when the first directory cannot be listed.
    private func walk(_ top: String, depth: Int, _ visit: (Entry) -> Bool) -> Int {
        var waiting: [(entry: Entry, level: Int)] = []
        let first = entries(of: top)
        guard case .success(let found) = first else {
            if case .failure(let error) = first { return -error.number }
            return 0
        }
        for entry in found.reversed() { waiting.append((entry, 1)) }
        while let (entry, level) = waiting.popLast() {
            guard visit(entry) else { return 0 }
            guard entry.kind == Self.directory, level < depth, case .success(let below) = entries(of: entry.path) else {
                continue
            }
            for entry in below.reversed() { waiting.append((entry, level + 1)) }
        }
        return 0
    }

    private func entries(of directory: String) -> Result<[Entry], ErrorNumber> {
        let fd = sp_open_below(directory, SP_DIRECTORY)
        guard fd >= 0 else { return .failure(ErrorNumber(number: -fd)) }
        var buffer = [CChar](repeating: 0, count: 1 << 20)
        let got = buffer.withUnsafeMutableBufferPointer { sp_list_directory(Int32(fd), $0.baseAddress!, $0.count) }
        guard got >= 0 else { return .failure(ErrorNumber(number: -got)) }
        let rows = buffer[..<got].map { UInt8(bitPattern: $0) }.split(separator: 0).map { Array($0) }
        let sorted = rows.sorted { $0.dropFirst().lexicographicallyPrecedes($1.dropFirst()) }
        var entries: [Entry] = []
        for row in sorted {
            let name = String(decoding: row.dropFirst(), as: UTF8.self)
            if name == ".git" { continue }
            entries.append(Entry(kind: row[0], path: directory == "." ? name : directory + "/" + name))
        }
        return .success(entries)
    }
}
