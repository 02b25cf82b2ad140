// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import LinuxSystem
import Policy
import Testing

@testable import Supervisor

@Suite("accounts, and the ceiling that names them")
struct AccountsTests {
    @Test("an account has one number, and a number the homes of all its accounts")
    func lines() {
        let accounts = Accounts(
            Array("a:x:7:7::/home/a:/bin/sh\nb:x:7:7::/srv/b:/bin/sh\nc:x:8:8:::\nbroken\nd:x:no:1::/d:\n".utf8))
        #expect(accounts.uid(of: "a") == 7 && accounts.uid(of: "c") == 8)
        #expect(accounts.uid(of: "d") == nil && accounts.uid(of: "broken") == nil && accounts.uid(of: "e") == nil)
        #expect(accounts.homes(of: 7) == [Array("/home/a".utf8), Array("/srv/b".utf8)])
        #expect(accounts.homes(of: 8) == [] && accounts.homes(of: 9) == [])
    }

    @Test("the ceiling is read again when it changed, and not for everybody who asks", .enabled(if: geteuid() == 0))
    func current() throws {
        var template = Array("/var/tmp/sallyport-ceiling-XXXXXX".utf8CString)
        try #require(template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!) } != nil)
        let directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { _ = system("rm -rf '\(directory)'") }
        let path = directory + "/ceiling.yaml"
        func write(_ sessions: Int) throws {
            let text = "version: 1\nreason: a test\nsupervise:\n  - user: 4242\n    sessions: \(sessions)\n"
            try Descriptor.create(path, mode: 0o644).writeAll(Array(text.utf8), subject: "a ceiling")
        }
        try write(1)
        // An hour from now, so that nothing has just been changed.
        var ceiling = try CurrentCeiling(path) { Int64(sp_clock_ns(CLOCK_REALTIME)) + 3_600_000_000_000 }
        for _ in 0..<100 {
            #expect(try ceiling.entry(of: 4242)?.sessions == 1)
            #expect(try ceiling.entry(of: 4343) == nil)
        }
        // The second time it is known of when.
        #expect(ceiling.reads == 2)
        try write(23)
        #expect(try ceiling.entry(of: 4242)?.sessions == 23)
        #expect(ceiling.reads == 3)
        try #require(chmod(path, 0o666) == 0)
        #expect(throws: SystemError.self) { try ceiling.entry(of: 4242) }
        // What was right once is not what holds now.
        #expect(throws: SystemError.self) { try ceiling.entry(of: 4242) }
        try #require(chmod(path, 0o644) == 0)
        #expect(try ceiling.entry(of: 4242)?.sessions == 23)
        try #require(chmod(directory, 0o777) == 0)
        #expect(throws: SystemError.self) { try ceiling.entry(of: 4242) }
        try #require(chmod(directory, 0o700) == 0)
        // With the clock of now a file of this second is read each time: a change in it could look like none.
        var young = try CurrentCeiling(path)
        for _ in 0..<3 { _ = try young.entry(of: 4242) }
        #expect(young.reads == 4)
    }
}
