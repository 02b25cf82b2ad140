// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import Wire

/// One session's forge at `forge.internal`, between its control socket and its end.
///
///     egress gateway ── connection ──▶ here: one after the other ──▶ answers, ledger, proposals
///     supervisor ───── start, close ──▶ here ── totals ──▶
///
/// It holds no credential, has no socket of its own making and no file but those it was handed, and knows nothing that the
/// session may not see: who takes it over gains nothing. Connections are served one at a time, each within its time.
package final class ForgeBroker {
    private let control: BrokerControl<ForgeServing>
    private var connections: Descriptor?
    private var ledger: CappedLines?
    private var proposals: CappedLines?
    private var site: ForgeSite?
    private var totals = ForgeTotals()

    /// Exit status for a refusal and for a supervisor that breaks the protocol.
    private static let failed: Int32 = 125
    private static let mostProposals = 64

    /// - Parameter control: The socket to the supervisor.
    package init(control: Int32) { self.control = BrokerControl(control) }

    /// Serves until the supervisor says that the session is over, or is gone.
    ///
    /// - Returns: The exit status.
    package func run() -> Int32 {
        do throws(BrokerRefused) {
            try ModelConfinement.enter()
            let start: ForgeStart
            do throws(ForgeSite.Flaw) { start = try receiveStart() } catch {
                control.report(.unusable(error.reason))
                return Self.failed
            }
            try Self.narrow(waived: start.options.contains(.landlockWaived))
        } catch {
            control.report(.refused(error.refusal))
            return Self.failed
        }
        control.report(.ready)
        do throws(SystemError) { return try serve() } catch { return Self.failed }
    }

    /// No file can be opened any more, and nothing executed. What it writes was open before.
    private static func narrow(waived: Bool) throws(BrokerRefused) {
        do throws(SystemError) { try Landlock.restrict(to: []) } catch {
            guard waived, error.errno == .noSystemCall || error.errno == .notSupported else {
                throw BrokerRefused(.landlock, errno: error.errno.code)
            }
        }
        try BrokerConfinement.demand(sp_gateway_forbid_exec(), .executionFilter)
    }

    private func receiveStart() throws(ForgeSite.Flaw) -> ForgeStart {
        do {
            let (start, descriptors) = try control.receiveStart(room: 4)
            let view = Descriptor(owning: descriptors[0])
            connections = Descriptor(owning: descriptors[1])
            let head = RecordHead(correlation: start.correlation)
            ledger = CappedLines(Descriptor(owning: descriptors[2]), head, mostBytes: start.ledgerBytes)
            proposals = CappedLines(Descriptor(owning: descriptors[3]), head, mostBytes: start.proposalBytes)
            site = try ForgeSite(try view.readAll(limit: ForgeStart.longestView, subject: "the view of the forge"))
            return start
        } catch let flaw as ForgeSite.Flaw {
            throw flaw
        } catch { throw ForgeSite.Flaw(reason: "\(error)") }
    }

    // MARK: Serving

    private func serve() throws(SystemError) -> Int32 {
        while true {
            var polled = [
                pollfd(fd: control.number, events: Int16(POLLIN), revents: 0),
                pollfd(fd: connections?.number ?? -1, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&polled, 2, -1) >= 0 || errno == EINTR else {
                throw SystemError("wait for", "connections", Errno(errno))
            }
            if polled[1].revents != 0 { accept() }
            if polled[0].revents != 0 { return close() }
        }
    }

    private func accept() {
        let received: Received?
        do throws(SystemError) {
            received = try connections?.receive(limit: BrokerConnection.longest, room: 1, subject: "a connection")
        } catch { received = nil }
        // A message that is none: whoever sent it is not to be listened to.
        guard let message = received, message.descriptors.count == 1, message.bytes == BrokerConnection.message else {
            for number in received?.descriptors ?? [] { _ = sp_close(number) }
            connections = nil
            return
        }
        guard let site else { return }
        var connection = ForgeConnection(site, ClientConnection(Descriptor(owning: message.descriptors[0])))
        connection.serve { proposal in take(proposal) }
        let record = connection.record
        // A client that went away without a word.
        guard record.status != nil else { return }
        switch record.event {
        case .read: totals.read += 1
        case .proposal: totals.proposed += 1
        case .refused: totals.refused += 1
        }
        ledger?.append(record)
    }

    /// Takes a proposal down; nil when there is no room for more.
    private func take(_ proposal: JSON) -> Int? {
        guard let proposals, totals.proposed < Self.mostProposals else { return nil }
        let number = Int(totals.proposed) + 1
        let lost = proposals.lost
        let members = [JSON.Member("proposal", .int(number))] + (proposal.objectValue ?? [])
        proposals.append(JSONWriter().write(.object(members)) + [0x0A])
        return proposals.lost == lost ? number : nil
    }

    /// The session is over.
    private func close() -> Int32 {
        let isOrderly = control.ending() == .orderly
        totals.linesLost = ledger?.lost ?? 0
        control.report(.ended(totals))
        return isOrderly ? 0 : Self.failed
    }
}
