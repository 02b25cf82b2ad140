// SPDX-License-Identifier: Apache-2.0
import Testing
import Wire

@Suite("gateway messages")
struct GatewayMessageTests {
    static let start = GatewayStart(
        roles: [.ptyMaster, .terminalInput, .terminalOutput, .frames, .frameFile], options: [.rawOutput],
        window: WindowSize(rows: 24, columns: 80), outputBytes: 0x0102_0304_0506_0708, frames: 9, frameFileBytes: 10)

    static let startBytes: [UInt8] = [
        1, 1, 0, 0, 0b11111, 1, 0, 24, 0, 80, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        10,
    ]

    static let commands: [(GatewayCommand, [UInt8], Int)] = [
        (.start(start), startBytes, 5),
        (.window(WindowSize(rows: 0x0102, columns: 0x0304)), [1, 2, 0, 0, 1, 2, 3, 4], 0),
        (.close, [1, 3, 0, 0], 0),
    ]

    @Test("from the supervisor have one form")
    func commandForms() throws {
        for (command, bytes, descriptors) in Self.commands {
            #expect(command.encoded() == bytes)
            #expect(try GatewayCommand(decoding: bytes, descriptors: descriptors) == command)
            #expect(bytes.count <= GatewayCommand.longest)
        }
    }

    @Test("from the supervisor are refused at any other size, and with other descriptors than announced")
    func commandSizes() {
        for (_, bytes, descriptors) in Self.commands {
            for count in 0..<bytes.count {
                #expect(throws: MessageError.size(count)) {
                    try GatewayCommand(decoding: Array(bytes[..<count]), descriptors: descriptors)
                }
            }
            #expect(throws: MessageError.size(bytes.count + 1)) {
                try GatewayCommand(decoding: bytes + [0], descriptors: descriptors)
            }
            #expect(throws: MessageError.descriptors(announced: descriptors, received: descriptors + 1)) {
                try GatewayCommand(decoding: bytes, descriptors: descriptors + 1)
            }
        }
    }

    @Test("from the supervisor are refused with an unknown version, kind, role, option or reserved byte")
    func commandFields() {
        func changed(_ index: Int, _ value: UInt8) -> [UInt8] {
            var bytes = Self.startBytes
            bytes[index] = value
            return bytes
        }
        let cases: [(Int, UInt8, MessageError)] = [
            (0, 2, .version(2)), (1, 9, .kind(9)), (2, 1, .reserved), (3, 1, .reserved), (4, 0b111111, .reserved),
            (5, 0b1000, .reserved), (10, 1, .reserved), (24, 1, .reserved),
            // A pty without a terminal to show it on, frames without a file, a file without frames, nothing at all.
            (4, 0b00001, .value), (4, 0b01000, .value), (4, 0b10000, .value), (4, 0, .value), (4, 0b00010, .value),
        ]
        for (index, value, error) in cases {
            #expect(throws: error) { try GatewayCommand(decoding: changed(index, value), descriptors: 5) }
        }
    }

    @Test("name descriptors in ascending order of their roles")
    func order() {
        let start = GatewayStart(
            roles: [.frameFile, .ptyMaster, .frames, .terminalOutput], frames: 0, frameFileBytes: 0)
        #expect(start.orderedRoles == [.ptyMaster, .terminalOutput, .frames, .frameFile])
    }

    static var totals: GatewayReport.Totals {
        var totals = GatewayReport.Totals()
        totals.outputBytes = 1
        totals.defused = 2
        totals.framesAccepted = 3
        totals.framesRefused = 4
        totals.marks = [.outputTruncated, .terminalLost]
        return totals
    }

    @Test("from the gateway have one form and no other size")
    func reports() throws {
        let totals =
            [0, 1, 0, 2, 0, 3, 0, 4].flatMap { (value: UInt8) -> [UInt8] in [0, 0, 0, value] } + [5, 0, 0, 0]
        let reports: [(GatewayReport, [UInt8])] = [
            (.ready, [1, 0x81, 0, 0]),
            (.progress(Self.totals), [1, 0x82, 0, 0] + totals),
            (.ended(Self.totals), [1, 0x83, 0, 0] + totals),
            (.refused(.init(check: .seccomp, errno: 22)), [1, 0x84, 0, 0, 6, 0, 0, 0, 0, 0, 0, 22]),
        ]
        for (report, bytes) in reports {
            #expect(report.encoded() == bytes)
            #expect(try GatewayReport(decoding: bytes) == report)
            #expect(bytes.count <= GatewayReport.longest)
            for count in 0..<bytes.count {
                #expect(throws: MessageError.size(count)) { try GatewayReport(decoding: Array(bytes[..<count])) }
            }
            #expect(throws: MessageError.size(bytes.count + 1)) { try GatewayReport(decoding: bytes + [0]) }
        }
    }

    @Test("from the gateway are refused with an unknown kind, mark or check")
    func reportFields() {
        #expect(throws: MessageError.kind(1)) { try GatewayReport(decoding: [1, 1, 0, 0]) }
        #expect(throws: MessageError.value) { try GatewayReport(decoding: [1, 0x84, 0, 0, 99, 0, 0, 0, 0, 0, 0, 0]) }
        var bytes = GatewayReport.ended(Self.totals).encoded()
        bytes[36] = 0x80
        #expect(throws: MessageError.reserved) { try GatewayReport(decoding: bytes) }
    }

    @Test("explain every refusal with a remedy")
    func refusals() {
        for check in GatewayReport.Refusal.Check.allCases {
            let text = GatewayReport.Refusal(check: check, errno: 1).description
            #expect(text.hasPrefix("cannot start the gateway: "))
            #expect(text.hasSuffix("."))
            #expect(text.contains(" (errno 1). "))
        }
    }

    @Test("allow the gateway no call that opens, connects or starts anything")
    func syscalls() {
        let names = Set(GatewaySyscalls.allowed)
        #expect(names.count == GatewaySyscalls.allowed.count)
        for name in [
            "open", "openat", "openat2", "socket", "connect", "clone", "clone3", "fork", "vfork", "ptrace", "kill",
        ] {
            #expect(!names.contains(name))
        }
    }
}
