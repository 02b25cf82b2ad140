// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import TaskModel

/// The table against the contract, written down a second time: every pair of state and event, legal and not.
@Suite("transition table")
struct TransitionTableTests {
    /// `FROM event TO`, as the contract of states has them.
    private static let legal: Set<String> = [
        "PENDING_UPLOADS uploads_confirmed SUBMITTED", "PENDING_UPLOADS attachment_blocked FAILED",
        "PENDING_UPLOADS uploads_expired CANCELLED", "PENDING_UPLOADS cancelled CANCELLED",
        "SUBMITTED cap_reached QUEUED", "SUBMITTED rejected FAILED", "SUBMITTED hydration_started HYDRATING",
        "SUBMITTED cancelled CANCELLED", "QUEUED slot_freed SUBMITTED", "QUEUED queue_expired FAILED",
        "QUEUED dependency_failed FAILED", "QUEUED rejected FAILED", "QUEUED cancelled CANCELLED",
        "HYDRATING session_started RUNNING",
        "HYDRATING approval_requested AWAITING_APPROVAL", "HYDRATING start_failed FAILED",
        "HYDRATING cancelled CANCELLED", "RUNNING approval_requested AWAITING_APPROVAL",
        "RUNNING session_ended FINALIZING", "RUNNING session_lost FAILED", "RUNNING deadline_passed TIMED_OUT",
        "RUNNING cancelled CANCELLED", "AWAITING_APPROVAL approval_decided RUNNING",
        "AWAITING_APPROVAL session_ended FINALIZING", "AWAITING_APPROVAL session_lost FAILED",
        "AWAITING_APPROVAL deadline_passed TIMED_OUT", "AWAITING_APPROVAL cancelled CANCELLED",
        "FINALIZING judged_completed COMPLETED", "FINALIZING judged_failed FAILED",
        "FINALIZING judged_timed_out TIMED_OUT", "FAILED resumed QUEUED", "TIMED_OUT resumed QUEUED",
    ]

    @Test("every pair of state and event leads where the contract says, or is refused")
    func pairs() {
        var seen: Set<String> = []
        for state in TaskState.allCases {
            for event in TransitionEvent.allCases {
                let target = TransitionTable.target(of: event, from: state)
                if let target { seen.insert("\(state.rawValue) \(event.rawValue) \(target.rawValue)") }
            }
        }
        #expect(seen == Self.legal)
        #expect(TaskState.allCases.count == 11 && TransitionTable.rows.count == Self.legal.count)
    }

    @Test("a terminal state is left by an explicit resume only, and CANCELLED and COMPLETED never")
    func terminal() {
        for row in TransitionTable.rows where row.from.isTerminal {
            #expect(row.event == .resumed && row.to == .queued)
            #expect(row.from == .failed || row.from == .timedOut)
        }
    }

    @Test("every state that is not terminal can be cancelled, but the one that is about to end")
    func cancel() {
        for state in TaskState.allCases where !state.isTerminal {
            let target = TransitionTable.target(of: .cancelled, from: state)
            #expect(target == (state == .finalizing ? nil : .cancelled))
        }
    }

    @Test("every state can be reached, and reaches an end")
    func reach() {
        var found = Set(TransitionTable.initial)
        for _ in TaskState.allCases {
            for row in TransitionTable.rows where found.contains(row.from) { found.insert(row.to) }
        }
        #expect(found == Set(TaskState.allCases))
        for state in TaskState.allCases {
            var ends: Set<TaskState> = [state]
            for _ in TaskState.allCases {
                for row in TransitionTable.rows where ends.contains(row.from) { ends.insert(row.to) }
            }
            #expect(ends.contains { $0.isTerminal })
        }
    }

    @Test("docs/task-states.md shows the table; SALLYPORT_REWRITE_GOLDENS writes it anew")
    func page() throws {
        let sources = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let path = sources + "/docs/task-states.md"
        let page = try String(validating: Self.read(path), as: UTF8.self)
        let text = try #require(page)
        let begin = try #require(text.range(of: TransitionDiagram.begin))
        let end = try #require(text.range(of: TransitionDiagram.end))
        let expected = text[..<begin.upperBound] + TransitionDiagram.markdown + text[end.lowerBound...]
        if getenv("SALLYPORT_REWRITE_GOLDENS") != nil { try Self.write(path, String(expected)) }
        #expect(String(expected) == text, "the page is out of date")
        #expect(TransitionDiagram.markdown.contains("RUNNING --> FINALIZING: session_ended"))
    }

    private static func read(_ path: String) throws -> [UInt8] {
        let file = try #require(fopen(path, "r"))
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        return Array(bytes.prefix(count))
    }

    private static func write(_ path: String, _ text: String) throws {
        let file = try #require(fopen(path, "w"))
        defer { fclose(file) }
        let bytes = Array(text.utf8)
        try #require(fwrite(bytes, 1, bytes.count, file) == bytes.count)
    }
}

extension String {
    fileprivate func range(of text: String) -> Range<String.Index>? { firstRange(of: text) }
}
