// SPDX-License-Identifier: Apache-2.0
import Testing
import Workspace

@Suite("commit messages")
struct CommitMessageTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let text: String
        let subject: String
        let trailers: [String]

        init(_ description: String, _ text: String, _ subject: String, _ trailers: [String]) {
            testDescription = description
            self.text = text
            self.subject = subject
            self.trailers = trailers
        }
    }

    static let cases = [
        Case("plain", "a\n\nb\n\nTask-Id: t1\nPrompt-Version: ff\n", "a", ["Task-Id=t1", "Prompt-Version=ff"]),
        Case("a subject is no trailer", "Task-Id: t1\n", "Task-Id: t1", []),
        Case("only the last paragraph counts", "a\n\nTask-Id: t1\n\nmore\n", "a", []),
        Case("among other lines", "a\n\ntext\nTask-Id: t1\n \n\n", "a", ["Task-Id=t1"]),
        Case("twice is twice", "a\n\nTask-Id: t1\nTask-Id: t2\n", "a", ["Task-Id=t1", "Task-Id=t2"]),
        Case("escapes", "a\u{1B}[2J\n\nX: \u{7}\n", "a\\x1b[2J", ["X=\\x07"]),
        Case("empty", "", "", []), Case("blank lines before", "\n\na\n\nX: 1", "a", ["X=1"]),
        Case("a key with a blank is none", "a\n\nTask Id: t1\n: x\n", "a", []),
    ]

    @Test("subject and trailers", arguments: cases)
    func parse(_ c: Case) {
        let message = CommitMessage(Array(c.text.utf8))
        #expect(message.subject == c.subject)
        #expect(message.trailers.map { "\($0.key)=\($0.value)" } == c.trailers)
    }
}
