// SPDX-License-Identifier: Apache-2.0
import Documents
import TaskModel
import Testing

@Suite("a plan of work")
struct WorkPlanTests {
    private static func document(_ change: (inout [JSON.Member]) -> Void) -> [UInt8] {
        var members: [JSON.Member] = [
            .init("version", 1), .init("summary", "what"),
            .init("steps", [["title": "one", "detail": "how", "files": ["a/b", "c"]]]), .init("risks", ["r"]),
        ]
        change(&members)
        return JSONWriter().write(.object(members))
    }

    private static func step(_ title: String = "t", _ detail: String = "d", _ files: [JSON] = []) -> JSON {
        ["title": .string(title), "detail": .string(detail), "files": .array(files)]
    }

    @Test("one in form comes back the same, and says all of itself")
    func whole() throws {
        let plan = try WorkPlan(Self.document { _ in })
        #expect(try WorkPlan(JSONWriter().write(plan.json)) == plan)
        for word in ["what", "1. one", "how", "a/b, c", "- r"] { #expect(plan.text.contains(word)) }
    }

    @Test("what is not in form is refused, without a byte of it in the reason")
    func flawed() throws {
        let long = String(repeating: "x", count: 5000)
        let wrong: [([UInt8], String)] = [
            (Array("{".utf8), "it is no JSON"), (Array("[]".utf8), "the document is no object"),
            (Self.document { $0[0] = .init("version", 2) }, "its version is not 1"),
            (Self.document { $0[1] = .init("summary", " \n") }, "\"summary\" is blank"),
            (Self.document { $0[1] = .init("summary", .string(long)) }, "\"summary\" is longer"),
            (Self.document { $0[2] = .init("steps", []) }, "\"steps\" is no list of 1 to 30"),
            (
                Self.document { $0[2] = .init("steps", .array((0...30).map { _ in Self.step() })) },
                "\"steps\" is no list of 1 to 30"
            ),
            (Self.document { $0[2] = .init("steps", [Self.step("a\nb")]) }, "\"title\" of step 1 is not one line"),
            (Self.document { $0[2] = .init("steps", [Self.step("t", "d", ["/etc"])]) }, "no path inside"),
            (Self.document { $0[2] = .init("steps", [Self.step("t", "d", ["a/../b"])]) }, "no path inside"),
            (Self.document { $0[2] = .init("steps", [Self.step("t", "d", [1])]) }, "has what is no string"),
            (Self.document { $0.append(.init("secretword", 1)) }, "the document has an unknown member"),
            (Self.document { $0.append(.init("summary", "again")) }, "a name that was there before"),
            (Self.document { $0.removeLast() }, "the document has no \"risks\""),
            ([UInt8](repeating: 0x20, count: WorkPlan.longestDocument + 1), "it is longer than 32768 bytes"),
        ]
        for (bytes, reason) in wrong {
            let flaw = #expect(throws: WorkPlan.Flaw.self) { try WorkPlan(bytes) }
            #expect(flaw?.description.contains(reason) == true, "\(flaw?.description ?? "") is not about \(reason)")
            #expect(flaw?.description.contains("secretword") == false)
        }
    }

    @Test("sandboxes are named by role and round, and by nothing else")
    func labels() {
        for role in AgentRole.allCases {
            for round in 1...3 { #expect(AgentRole(label: role.label(round)) == role) }
        }
        for label in [
            "before", "after-lint", "check-plan", "plan-1", "plan-01", "plan-x", "plan-", "work2", "", "review--2",
        ] {
            #expect(AgentRole(label: label) == nil, "\(label)")
        }
    }
}
