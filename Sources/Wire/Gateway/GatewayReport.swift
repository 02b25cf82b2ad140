// SPDX-License-Identifier: Apache-2.0

/// What a gateway tells its supervisor; see ``GatewayCommand`` for the order and the form.
package enum GatewayReport: Equatable, Sendable {
    /// Confined, and moving bytes from now on. The workload may start.
    case ready
    case progress(Totals)
    /// Nothing more will be moved.
    case ended(Totals)
    case refused(Refusal)

    /// What went through a gateway so far.
    package struct Totals: Equatable, Sendable {
        package struct Marks: OptionSet, Equatable, Sendable {
            package let rawValue: UInt8
            package init(rawValue: UInt8) { self.rawValue = rawValue }

            /// Output past the cap was thrown away.
            package static let outputTruncated = Marks(rawValue: 1 << 0)
            /// Frames were left unread because a cap was reached or the frame file could not be written.
            package static let framesTruncated = Marks(rawValue: 1 << 1)
            /// The caller's terminal went away; later output was read and thrown away.
            package static let terminalLost = Marks(rawValue: 1 << 2)

            static let known: Marks = [.outputTruncated, .framesTruncated, .terminalLost]
        }

        /// Bytes of the workload's output that were passed on, counted before filtering.
        package var outputBytes: UInt64 = 0
        /// Sequences and characters that the filter withheld.
        package var defused: UInt64 = 0
        package var framesAccepted: UInt64 = 0
        /// 1 after the first malformed frame, since nothing is read after it.
        package var framesRefused: UInt64 = 0
        package var marks: Marks = []

        package init() {}
    }

    /// Why a gateway did not start.
    package struct Refusal: Equatable, Sendable {
        package enum Check: UInt8, Sendable, CaseIterable {
            case dumpable = 1
            case limits = 2
            case userID = 3
            case capabilities = 4
            case noNewPrivileges = 5
            case seccomp = 6
            case landlock = 7
            case executionFilter = 8
            case startMessage = 9
            case descriptors = 10
            case session = 11
        }

        package let check: Check
        /// The kernel's answer, or 0 when the check itself was answered and the answer was wrong.
        package let errno: UInt32

        package init(check: Check, errno: UInt32 = 0) {
            self.check = check
            self.errno = errno
        }
    }

    /// No report is longer.
    package static let longest = 64

    private enum Kind: UInt8 {
        case ready = 0x81
        case progress = 0x82
        case ended = 0x83
        case refused = 0x84
    }

    /// The datagram of this report.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .ready:
            writer.appendHeader(Kind.ready)
        case .progress(let totals):
            writer.appendHeader(Kind.progress)
            totals.append(to: &writer)
        case .ended(let totals):
            writer.appendHeader(Kind.ended)
            totals.append(to: &writer)
        case .refused(let refusal):
            writer.appendHeader(Kind.refused)
            refusal.append(to: &writer)
        }
        return writer.bytes
    }

    /// Reads one datagram; the supervisor closes any descriptor that came with it and treats that as an error.
    package init(decoding bytes: [UInt8]) throws(MessageError) {
        var reader = ByteReader(bytes)
        let kind = try reader.nextHeader(Kind.self)
        switch kind {
        case .ready:
            self = .ready
        case .progress:
            self = .progress(try Totals(from: &reader))
        case .ended:
            self = .ended(try Totals(from: &reader))
        case .refused:
            self = .refused(try Refusal(from: &reader))
        }
        try reader.expectEnd()
    }
}

extension GatewayReport.Totals {
    func append(to writer: inout ByteWriter) {
        writer.append(outputBytes)
        writer.append(defused)
        writer.append(framesAccepted)
        writer.append(framesRefused)
        writer.append(marks.rawValue)
        writer.append(UInt8(0))
        writer.append(UInt16(0))
    }

    init(from reader: inout ByteReader) throws(MessageError) {
        outputBytes = try reader.next()
        defused = try reader.next()
        framesAccepted = try reader.next()
        framesRefused = try reader.next()
        marks = Marks(rawValue: try reader.next())
        guard marks.isSubset(of: .known) else { throw .reserved }
        try reader.expectZero(UInt8.self)
        try reader.expectZero(UInt16.self)
    }
}

extension GatewayReport.Refusal {
    func append(to writer: inout ByteWriter) {
        writer.append(check.rawValue)
        writer.append(UInt8(0))
        writer.append(UInt16(0))
        writer.append(errno)
    }

    init(from reader: inout ByteReader) throws(MessageError) {
        guard let check = Check(rawValue: try reader.next()) else { throw .value }
        try reader.expectZero(UInt8.self)
        try reader.expectZero(UInt16.self)
        self.init(check: check, errno: try reader.next())
    }
}

extension GatewayReport.Refusal: CustomStringConvertible {
    package var description: String {
        let code = errno == 0 ? "" : " (errno \(errno))"
        return "cannot start the gateway: \(explanation.reason)\(code). \(explanation.remedy)"
    }

    /// What was wrong, and what to do about it.
    package var explanation: (reason: String, remedy: String) {
        switch check {
        case .dumpable: ("it could not make itself non-dumpable", "See prctl(2), PR_SET_DUMPABLE.")
        case .limits: ("it could not lower its own limits", "See setrlimit(2).")
        case .userID: ("it was started as user 0", "Start it with the last id of the session's block.")
        case .capabilities: ("it was started with capabilities", "Start it with all five sets empty.")
        case .noNewPrivileges: ("no_new_privs is not set", "Start it with no_new_privs.")
        case .seccomp: ("no seccomp filter is loaded", "Start it under the filter of GatewaySyscalls.")
        case .landlock:
            ("Landlock is not available", "Enable Landlock in the kernel, or waive it in the profile by name.")
        case .executionFilter: ("it could not forbid itself execve", "Check that its filter allows seccomp(2).")
        case .startMessage:
            ("the start message is malformed", "Use sallyport and sallyport-gateway of the same build.")
        case .session:
            ("it could not leave the caller's session", "Start it as no leader of a process group.")
        case .descriptors:
            ("a descriptor is not what its role says", "Report this with the session's record.")
        }
    }
}
