// SPDX-License-Identifier: Apache-2.0
internal import CCurl
internal import CLinux
internal import Egress
internal import LinuxSystem

/// libcurl's transfers in the loop's thread: its sockets are the loop's, and so is its clock.
///
/// - SeeAlso: curl_multi_socket_action(3)
final class TransferPool {
    private let loop: EventLoop
    private let multi: UnsafeMutableRawPointer
    private var registrations: [Int32: EventLoop.Registration] = [:]
    private var timer: LoopTimer?
    private var transfers: [UnsafeMutableRawPointer: Transfer] = [:]

    /// Starts the library, which reads its files now.
    init(_ loop: EventLoop) throws(SystemError) {
        guard curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK, let multi = curl_multi_init() else {
            throw SystemError("start", "libcurl", .invalid)
        }
        self.loop = loop
        self.multi = multi
        guard sp_curl_multi_set(multi, watchSocket, armTimer, Unmanaged.passUnretained(self).toOpaque()) == CURLM_OK
        else { throw SystemError("start", "libcurl", .invalid) }
    }

    // Not given back: the process ends with it, and with the transfers that are left.

    /// Begins a transfer; it hears of its end once, unless it is removed before.
    func add(_ transfer: Transfer) -> Bool {
        guard curl_multi_add_handle(multi, transfer.handle) == CURLM_OK else { return false }
        transfers[transfer.handle] = transfer
        return true
    }

    /// Ends a transfer; it hears nothing more.
    func remove(_ transfer: Transfer) {
        guard let kept = transfers.removeValue(forKey: transfer.handle) else { return }
        _ = curl_multi_remove_handle(multi, transfer.handle)
        // It may be in the middle of its own call.
        loop.postpone { withExtendedLifetime(kept) {} }
    }

    fileprivate func watch(_ socket: Int32, _ what: Int32) {
        if what == CURL_POLL_REMOVE {
            if let old = registrations.removeValue(forKey: socket) { loop.remove(old) }
            return
        }
        let events =
            (what & CURL_POLL_IN != 0 ? SP_EPOLLIN : 0) | (what & CURL_POLL_OUT != 0 ? SP_EPOLLOUT : 0)
        do throws(SystemError) {
            if let known = registrations[socket] {
                try loop.change(known, events)
            } else {
                registrations[socket] = try loop.add(socket, events, self, tag: Int(socket))
            }
        } catch {
            // Unwatched, its transfer ends by its own time limit.
        }
    }

    fileprivate func setAlarm(_ milliseconds: Int) {
        timer?.cancel()
        timer = nil
        guard milliseconds >= 0 else { return }
        timer = loop.after(milliseconds: UInt64(milliseconds)) { [weak self] in
            self?.act(sp_curl_no_socket, 0)
        }
    }

    private func act(_ socket: Int32, _ events: Int32) {
        var running: Int32 = 0
        // Bad results are those of single transfers, which are told below. CURL_SOCKET_TIMEOUT is CURL_SOCKET_BAD.
        _ = curl_multi_socket_action(multi, socket, events, &running)
        conclude()
    }

    private func conclude() {
        var result = CURLE_OK
        while let handle = sp_curl_multi_next(multi, &result) {
            guard let transfer = transfers[handle] else { continue }
            remove(transfer)
            transfer.ended(result)
        }
    }
}

extension TransferPool: EventSource {
    func ready(_ events: UInt32, tag: Int) {
        var what: Int32 = 0
        if events & SP_EPOLLIN != 0 { what |= CURL_CSELECT_IN }
        if events & SP_EPOLLOUT != 0 { what |= CURL_CSELECT_OUT }
        if events & (SP_EPOLLERR | SP_EPOLLHUP) != 0 { what |= CURL_CSELECT_ERR }
        act(Int32(tag), what)
    }
}

// Functions and not closures: a closure literal could inherit an actor and trap when C calls it.
private func watchSocket(
    _ handle: UnsafeMutableRawPointer, _ socket: curl_socket_t, _ what: Int32, _ context: UnsafeMutableRawPointer?,
    _ mark: UnsafeMutableRawPointer?
) -> Int32 {
    guard let context else { return -1 }
    Unmanaged<TransferPool>.fromOpaque(context).takeUnretainedValue().watch(socket, what)
    return 0
}

private func armTimer(
    _ multi: UnsafeMutableRawPointer, _ milliseconds: Int, _ context: UnsafeMutableRawPointer?
) -> Int32 {
    guard let context else { return -1 }
    Unmanaged<TransferPool>.fromOpaque(context).takeUnretainedValue().setAlarm(milliseconds)
    return 0
}
