// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import TaskModel

/// One descriptor for all that can happen to a session: readable from its process's end on, and whenever it has news.
final class SessionWatch {
    let process: WatchedProcess
    private let waits: Descriptor
    private let news: Descriptor

    /// An epoll set is itself readable while one of its members is. epoll(7)
    var number: Int32 { waits.number }

    /// - Parameter directory: Of the session; one without a file for news gets one.
    init(_ process: WatchedProcess, _ directory: borrowing Directory) throws(SystemError) {
        self.process = process
        let file = try directory.open(SessionFile.news, O_RDONLY | O_CREAT, mode: 0o600)
        news = Descriptor(owning: Int32(try checked("create", "an inotify instance") { sp_inotify_create() }))
        waits = Descriptor(owning: Int32(try checked("create", "an epoll instance") { sp_epoll_create() }))
        let (instance, opened, epoll) = (news.number, file.number, waits.number)
        // By the descriptor, so that it is this file whatever its name leads to. inotify(7)
        try checked("watch", "\"\(directory.path)/\(SessionFile.news)\"") {
            sp_inotify_add(instance, "/proc/self/fd/\(opened)", UInt32(IN_MODIFY))
        }
        for member in [process.number, instance] {
            try checked("watch", "descriptor \(member)") { sp_epoll_add(epoll, member, SP_EPOLLIN, 0) }
        }
    }

    /// Forgets that there were news: to be called before they are read, so that what comes later is told of again.
    func drain() throws(SystemError) {
        let instance = news.number
        var events = [UInt8](repeating: 0, count: 4096)
        while true {
            let got = events.withUnsafeMutableBytes { sp_read(instance, $0.baseAddress!, $0.count) }
            if got == -Int(EINTR) || got > 0 { continue }
            if got == -Int(EAGAIN) { return }
            throw SystemError("read", "a watch of a session", Errno(Int32(-got)))
        }
    }
}
