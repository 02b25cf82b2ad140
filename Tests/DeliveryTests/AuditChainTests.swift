// SPDX-License-Identifier: Apache-2.0
import Delivery
import Documents
import Glibc
import LinuxSystem
import TestSupport
import Testing

@Suite("chained audit")
struct AuditChainTests {
    let chain: AuditChain
    let lines: [[UInt8]]

    init() throws {
        let scratch = try Scratch()
        let path = scratch.at("audit.jsonl")
        var log = AuditLog(try Descriptor.open(path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600), subject: path)
        for number in 0..<5 {
            try log.observe(
                "event", wallMilliseconds: 1000, monotonicMilliseconds: 10,
                [.init("text", .string("\(number) {\"version\":1,\"seq\":")), .init("more", "\n\u{1b}[31m")])
        }
        chain = log.chain
        lines = try #require(contents(path)).split(separator: 0x0A).map { Array($0) + [0x0A] }
        try #require(lines.count == 5 && chain.records == 5)
    }

    private func fault(_ lines: [[UInt8]]) -> AuditChain.Fault? {
        chain.fault(in: lines.flatMap { $0 }, digest: Digest.sha256)
    }

    @Test("what was written is proven, and each record is JSON that names the one before")
    func whole() throws {
        #expect(fault(lines) == nil)
        for (number, line) in lines.enumerated() {
            let record = try JSONParser.parse(line)
            #expect(record["seq"]?.intValue == number && record["source"]?.stringValue == "observed")
            let before = number == 0 ? String(repeating: "0", count: 64) : Digest.sha256(lines[number - 1])
            #expect(record["previous"]?.stringValue == before)
        }
        #expect(chain.head == Digest.sha256(lines[4]))
    }

    @Test("any changed byte is found in its record")
    func flipped() {
        for (record, line) in lines.enumerated() {
            for offset in line.indices {
                for bit in [UInt8(0x01), 0x80, line[offset] ^ 0x0A] where bit != 0 {
                    var changed = lines
                    changed[record][offset] ^= bit
                    #expect(fault(changed)?.record == record, "byte \(offset) of record \(record), bit \(bit)")
                }
            }
        }
    }

    @Test("a record that is gone, moved, added or cut is found")
    func structure() {
        for record in lines.indices {
            var gone = lines
            gone.remove(at: record)
            #expect(fault(gone)?.record == record, "without \(record)")
            var cut = lines
            cut[record].removeLast(3)
            #expect(fault(cut)?.record == record, "cut \(record)")
            var added = lines
            added.insert(Array("{\"version\":1,\"seq\":9}\n".utf8), at: record)
            #expect(fault(added)?.record == max(0, record - 1), "before \(record)")
        }
        #expect(fault(lines + [lines[4]]) != nil && fault(lines + [[0x0A]])?.record == 4)
        #expect(fault([lines[0], lines[2], lines[1], lines[3], lines[4]]) != nil)
        #expect(fault([])?.record == 4 && fault(Array(lines.suffix(2)))?.record == 2)
    }

    @Test("a line of thousands of beginnings of records is no work", .timeLimit(.minutes(25)))
    func beginnings() {
        let line = Array(String(repeating: "{\"version\":1,\"seq\":", count: 50_000).utf8) + [0x0A]
        #expect(fault(Array(lines.prefix(4)) + [line])?.record == 4)
    }
}
