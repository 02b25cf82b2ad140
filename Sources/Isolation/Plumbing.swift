// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem

/// The pipes and sockets of one launch.
///
/// `childs` are copies numbered 64 and above, so that the plan's final numbers (0-4, 20) can be assigned without
/// overwriting one that is still needed; they are closed in the parent once the child has its own.
final class Plumbing {
    private let childs = DescriptorSet()
    private let parents = DescriptorSet()
    let wires: LaunchWires
    /// Program to execute, failure report, fault point: the child's ends.
    let exec: Int32
    let report: Int32
    let stop: Int32
    let reportRead: Int32
    let stopParent: Int32
    private var mappedWrite: Int32
    private var lifeLine: Int32
    private var messages: Int32
    private var status: Int32

    init(_ program: borrowing Descriptor, wantsFault: Bool) throws(SystemError) {
        var wires = LaunchWires()
        let mapped = try Channel.pipe()
        let life = try Channel.pipe()
        let report = try Channel.pipe()
        let messages = try Channel.messages()
        let status = try Channel.messages()
        exec = childs.keep(try program.duplicate())
        self.report = childs.keep(try report.second.duplicate())
        wires.mapped = childs.keep(try mapped.first.duplicate())
        wires.lifeLine = childs.keep(try life.first.duplicate())
        wires.messages = childs.keep(try messages.second.duplicate())
        wires.status = childs.keep(try status.second.duplicate())
        reportRead = parents.keep(try report.first.duplicate())
        mappedWrite = try mapped.second.duplicate().release()
        lifeLine = try life.second.duplicate().release()
        self.messages = try messages.first.duplicate().release()
        self.status = try status.first.duplicate().release()
        wires.parentEnds = [mappedWrite, lifeLine]
        if wantsFault {
            let fault = try Channel.messages()
            stop = childs.keep(try fault.second.duplicate())
            stopParent = parents.keep(try fault.first.duplicate())
            wires.parentEnds.append(stopParent)
        } else {
            stop = -1
            stopParent = -1
        }
        self.wires = wires
    }

    /// The child has its own copies now, or is gone.
    func closeChildEnds() { childs.closeAll() }

    /// Where the byte goes that tells the child that its maps are written; without one, closing says that they never will be.
    func takeMapped() -> Descriptor { Self.take(&mappedWrite) }
    func takeLifeLine() -> Descriptor { Self.take(&lifeLine) }
    func takeMessages() -> Descriptor { Self.take(&messages) }
    func takeStatus() -> Descriptor { Self.take(&status) }

    private static func take(_ number: inout Int32) -> Descriptor {
        defer { number = -1 }
        return Descriptor(owning: number)
    }

    deinit {
        for number in [mappedWrite, lifeLine, messages, status] where number >= 0 { _ = Descriptor(owning: number) }
    }
}
