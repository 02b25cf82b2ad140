// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// A started program, waited for by its pidfd and its pipes; killed when nobody holds it any more.
package final class Running: @unchecked Sendable {
    // Sendable: used by one test at a time; the class only exists so that the deinit can clean up.
    package let name: String
    package let pid: Int32
    private let pidfd: Int32
    private var input: Int32?
    private let output: Int32
    private let errors: Int32
    private let deadline: ContinuousClock.Instant
    private var collected: [UInt8] = []
    private var collectedErrors: [UInt8] = []
    private var consumed = 0
    private var open: Set<Int32>
    private var ending: Ending?

    init(
        name: String, pid: Int32, pidfd: Int32, input: Int32, output: Int32, errors: Int32,
        deadline: ContinuousClock.Instant
    ) {
        self.name = name
        self.pid = pid
        self.pidfd = pidfd
        self.input = input
        self.output = output
        self.errors = errors
        self.deadline = deadline
        open = [output, errors, pidfd]
        for fd in [output, errors] { _ = sp_set_nonblocking(fd, 1) }
    }

    deinit {
        if ending == nil {
            _ = sp_pidfd_signal(pidfd, SIGKILL, 0)
            var code: Int32 = 0
            var status: Int32 = 0
            _ = sp_wait_pidfd(pidfd, &code, &status)
        }
        closeInput()
        for fd in [output, errors, pidfd] { _ = sp_close(fd) }
    }

    /// Writes to standard input, reading output meanwhile so that neither side can block the other.
    package func send(_ bytes: [UInt8]) throws(HarnessError) {
        guard let input else { throw HarnessError("standard input of \(name) is closed") }
        // A program that has ended takes nothing more, which is for its test to judge and not the tests' own end.
        _ = Glibc.signal(SIGPIPE, SIG_IGN)
        _ = sp_set_nonblocking(input, 1)
        var done = 0
        while done < bytes.count {
            let start = done
            let n = bytes.withUnsafeBytes { sp_write(input, $0.baseAddress! + start, bytes.count - start) }
            if n > 0 {
                done += n
            } else if n == -Int(EPIPE) {
                return
            } else if n != -Int(EAGAIN) {
                throw HarnessError("write to", name, Int32(-n))
            } else {
                try wait(alsoWritable: input)
            }
        }
    }

    package func closeInput() {
        if let input { _ = sp_close(input) }
        input = nil
    }

    package func signal(_ number: Int32) throws(HarnessError) {
        let result = sp_pidfd_signal(pidfd, number, 0)
        guard result >= 0 else { throw HarnessError("signal", name, Int32(-result)) }
    }

    /// The next line of standard output, without its newline; nil when the output ended first.
    package func line() throws(HarnessError) -> String? {
        while true {
            if let end = collected[consumed...].firstIndex(of: 0x0a) {
                defer { consumed = end + 1 }
                return String(decoding: collected[consumed..<end], as: UTF8.self)
            }
            guard open.contains(output) else { return nil }
            try wait()
        }
    }

    /// Forgets the whole lines that it has said so far, so that the next one is news.
    package func forgetLines() {
        var before: Int
        repeat {
            before = collected.count
            if open.contains(output) { drain(output) }
        } while collected.count > before
        if let end = collected[consumed...].lastIndex(of: 0x0a) { consumed = end + 1 }
    }

    /// Waits for the program and for the end of both outputs, which a left-over process of its would hold open.
    package func finish() throws(HarnessError) -> Finished {
        while !open.isEmpty { try wait() }
        guard let ending else { throw HarnessError("\(name) was not waited for") }
        return Finished(ending: ending, output: collected, errors: collectedErrors)
    }

    /// Handles at least one event.
    private func wait(alsoWritable: Int32? = nil) throws(HarnessError) {
        var polled = open.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        if let alsoWritable { polled.append(pollfd(fd: alsoWritable, events: Int16(POLLOUT), revents: 0)) }
        let left = deadline - ContinuousClock.now
        let milliseconds = left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000
        let count = milliseconds <= 0 ? 0 : poll(&polled, nfds_t(polled.count), Int32(clamping: milliseconds + 1))
        guard count != 0 else {
            let stuck = open.map { $0 == pidfd ? "the program" : $0 == output ? "its output" : "its errors" }
            throw HarnessError(
                "\(name) is past its deadline, waiting for \(stuck.sorted().joined(separator: ", ")); it said: "
                    + String(decoding: collected.suffix(2000) + collectedErrors.suffix(2000), as: UTF8.self))
        }
        for event in polled where event.revents != 0 {
            if event.fd == pidfd { reap() } else if event.fd != alsoWritable { drain(event.fd) }
        }
    }

    private func reap() {
        var code: Int32 = 0
        var status: Int32 = 0
        _ = sp_wait_pidfd(pidfd, &code, &status)
        ending = code == Int32(CLD_EXITED) ? .exited(status) : .signalled(status)
        open.remove(pidfd)
    }

    private func drain(_ fd: Int32) {
        var buffer = [UInt8](repeating: 0, count: 65536)
        let n = buffer.withUnsafeMutableBytes { sp_read(fd, $0.baseAddress!, $0.count) }
        if n > 0 {
            if fd == output { collected += buffer[..<n] } else { collectedErrors += buffer[..<n] }
        } else if n != -Int(EAGAIN) {
            open.remove(fd)
        }
    }
}
