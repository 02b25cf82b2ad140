// SPDX-License-Identifier: Apache-2.0
import Glibc
import Isolation
import LinuxSystem
import Testing
import Wire

@testable import Supervisor

@Suite("freezing a session")
struct SessionFreezerTests {
    @Test("one that failed half-way, and could not be undone at once, is undone at the end")
    func halfway() throws {
        var calls: [Bool] = []
        var isBroken = true
        let freezer = SessionFreezer(try SessionID.random()) { (frozen) throws(SystemError) in
            calls.append(frozen)
            if isBroken { throw SystemError("freeze", "the session", Errno(ETIMEDOUT)) }
        }
        guard case .refused(_) = freezer.change(to: true) else {
            Issue.record("it failed and was told to be done")
            return
        }
        #expect(calls == [true, false])
        isBroken = false
        try freezer.end()
        #expect(calls == [true, false, false])
        try freezer.end()
        #expect(calls.count == 3)
    }

    @Test("one that never froze is not thawed, and one that ends is not frozen again")
    func ending() throws {
        var calls: [Bool] = []
        let freezer = SessionFreezer(try SessionID.random()) { (frozen) throws(SystemError) in calls.append(frozen) }
        #expect(freezer.change(to: false) == .thawed)
        try freezer.end()
        guard case .refused(_) = freezer.change(to: true) else {
            Issue.record("it was frozen at its end")
            return
        }
        #expect(calls == [])
    }
}
