// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Policy

/// What becomes of a connection that gets nowhere.
extension Connection {
    /// What an upstream already has cannot be taken back; the connection is cut, and its record says why.
    func recordLateDenial(_ refusal: Refusal, as event: AuditRecord.Event = .connectionDenied) {
        var record = AuditRecord(event, refusal)
        describe(&record)
        gateway.record(record, transport: 6, client: peer, server: asked) { _ in }
    }

    /// Records the denial, and tells the client in its own protocol.
    func deny(_ refusal: Refusal, as event: AuditRecord.Event = .connectionDenied) {
        guard phase != .explaining, phase != .ended else { return }
        phase = .explaining
        timer?.cancel()
        var record = AuditRecord(event, refusal)
        describe(&record)
        gateway.record(record, transport: 6, client: peer, server: asked) { [weak self] event in
            self?.prepare(.denied(refusal, event: event))
        }
    }

    func fail(_ reason: String, _ detail: String) {
        guard phase != .explaining, phase != .ended else { return }
        phase = .explaining
        timer?.cancel()
        var record = AuditRecord(.connectionFailed)
        describe(&record)
        record.reason = reason
        record.detail = detail
        gateway.record(record, transport: 6, client: peer, server: asked) { [weak self] event in
            self?.prepare(.failed(reason, detail, event: event))
        }
    }

    private func prepare(_ explanation: Explanation) {
        guard phase == .explaining else { return }
        farewell = Farewell(explanation)
        limit(gateway.caps.explainMilliseconds) { $0.close(reason: "explained", resetting: true) }
        explain()
    }

    func explain() {
        let step = farewell?.step(with: client.number, reader, port: asked.port, most: gateway.caps.heldBytes)
        switch step {
        case .wait, nil: break
        case .goOn: gateway.loop.postpone { [weak self] in self?.explain() }
        case .close(let resetting): close(reason: "explained", resetting: resetting)
        }
    }
}
