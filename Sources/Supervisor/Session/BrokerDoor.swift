// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Wire

/// One session's broker of one kind, as its supervisor sees it.
///
/// It reads hostile bytes, so each of its reports is taken as if the sandbox had written it. When it ends early, or says
/// what does not fit, what it serves is served no more; the session goes on, and its record says so.
final class BrokerDoor<Service: BrokerService> {
    private enum Phase { case starting, serving, closing, ended }

    private let process: GatewayProcess
    private var phase = Phase.starting
    /// As it told last; ``failure`` says whether that was its end.
    private(set) var totals = Service.Totals()
    /// Hears of each.
    var told: ((Service.Totals) -> Void)?
    /// What went wrong with it.
    private(set) var failure: SystemError?
    private var connections: Descriptor?
    private var brokersEnd: Descriptor?

    /// The socket to wait on; ``heed()`` takes what is there.
    var number: Int32 { process.number }

    /// Where the egress gateway hands connections over; nil once it has its copy.
    var door: Int32? { connections?.number }

    /// Starts the program; ``begin(_:descriptors:)`` comes next.
    ///
    /// - Parameters:
    ///   - view: What it sees of the host; nil for nothing.
    ///   - groups: What limits it and all that it starts; nil where the session has none either.
    init(
        _ role: GatewayProcess.Role, _ programs: Programs, _ paths: HostPaths, identity: ConfinedProgram.Identity,
        view: ConfinedProgram.View? = nil, groups: ConfinedProgram.Groups?
    ) throws(SystemError) {
        process = try GatewayProcess.start(role, programs, paths, identity: identity, view: view, groups: groups)
        // What the session makes it hold is the session's; a caller without root shares one id, and may not lower it again.
        if case .host = identity { try FirstToGo.mark([process.identifier()]) }
        let pair = try Channel.messages()
        connections = try pair.first.duplicate()
        brokersEnd = try pair.second.duplicate()
    }

    // MARK: Start

    /// Says what is served; ``ready()`` comes next.
    ///
    /// - Parameter descriptors: What goes along, made with the end at which connections arrive. They stay the caller's.
    func begin(_ start: Service.Start, descriptors: (Int32) -> [Int32]) throws(SystemError) {
        guard let end = brokersEnd.take() else { return }
        try process.send(BrokerCommand<Service>.start(start).encoded(), descriptors: descriptors(end.number))
    }

    /// The egress gateway has its end: with this copy open, its death would go unnoticed by the broker.
    func handedOver() { connections = nil }

    /// Waits until connections are served.
    func ready() throws(SystemError) {
        let isInTime = process.wait(until: { phase != .starting || failure != nil }, heed: { _ = heed() })
        if let failure { throw failure }
        guard isInTime else { throw process.late }
    }

    // MARK: While the session runs

    /// Takes one report; false when no more will come.
    func heed() -> Bool {
        do throws(SystemError) {
            guard
                let report = try process.receive(
                    limit: BrokerReport<Service>.longest, BrokerReport<Service>.init(decoding:))
            else { return true }
            return try take(report)
        } catch {
            failure = failure ?? error
            process.dismiss()
            return false
        }
    }

    private func take(_ report: BrokerReport<Service>) throws(SystemError) -> Bool {
        switch (report, phase) {
        case (.ready, .starting):
            phase = .serving
            return true
        case (.refused(let refusal), .starting): throw process.failure(refusal)
        case (.unusable(let reason), .starting): throw process.unusable(reason)
        case (.running(let totals), .serving), (.running(let totals), .closing):
            self.totals = totals
            told?(totals)
            return true
        case (.ended(let totals), .closing):
            self.totals = totals
            phase = .ended
            return false
        case (.ready, _), (.refused, _), (.unusable, _), (.running, _), (.ended, _): throw process.disorder
        }
    }

    // MARK: End

    /// Tells it to end, as soon as nobody is left inside; ``finish()`` has what it reports meanwhile.
    func close() {
        connections = nil
        guard failure == nil && phase == .serving else { return }
        phase = .closing
        process.tell(BrokerCommand<Service>.close.encoded())
    }

    /// Takes the last report and ends it. Nothing happens the second time.
    func finish() {
        close()
        if !process.wait(until: { phase != .closing || failure != nil }, heed: { _ = heed() }) {
            failure = process.mute
        }
        process.dismiss()
    }

    /// Returns when nothing of it can use its id, or what it was handed, any more.
    func leave() { process.leave() }
}

/// The files that a broker appends to, made for it.
struct BrokerFiles {
    private let held = DescriptorSet()
    /// In the order in which they were named.
    let numbers: [Int32]

    init(_ directory: borrowing Directory, _ names: [String]) throws(SystemError) {
        var numbers: [Int32] = []
        for name in names {
            let file = try directory.open(
                name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW, mode: 0o600)
            numbers.append(held.keep(file))
        }
        self.numbers = numbers
    }
}
