// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import LinuxSystem
internal import Wire

/// A broker's end of the socket to its supervisor.
struct BrokerControl<Service: BrokerService>: ~Copyable {
    private let socket: Descriptor

    var number: Int32 { socket.number }

    init(_ number: Int32) { socket = Descriptor(owning: number) }

    enum Disorder: Error, CustomStringConvertible {
        case supervisorGone, notStart

        var description: String {
            switch self {
            case .supervisorGone: "the supervisor is gone"
            case .notStart: "the first message is no start"
            }
        }
    }

    /// The first message, with the descriptors that came along: they are the caller's now.
    ///
    /// - Parameter room: The most descriptors that one can bring.
    func receiveStart(room: Int) throws -> (Service.Start, [Int32]) {
        guard
            let message = try socket.receive(
                limit: BrokerCommand<Service>.longest, room: room, subject: "the start message")
        else { throw Disorder.supervisorGone }
        let command = try BrokerCommand<Service>(decoding: message.bytes, descriptors: message.descriptors.count)
        guard case .start(let start) = command else { throw Disorder.notStart }
        return (start, message.descriptors)
    }

    /// False when it was not taken; a supervisor that is gone is noticed by the next wait.
    @discardableResult
    func report(_ report: BrokerReport<Service>) -> Bool {
        do throws(SystemError) {
            try socket.send(report.encoded(), descriptors: [], subject: "a report")
            return true
        } catch { return false }
    }

    enum Ending {
        /// Nothing is there to read yet.
        case none
        /// The supervisor says that the session is over.
        case orderly
        /// It is gone, or broke the protocol.
        case broken
    }

    /// Takes the command that ends a session.
    func ending() -> Ending {
        do {
            guard let message = try socket.receive(limit: BrokerCommand<Service>.longest, subject: "a command") else {
                return .broken
            }
            for number in message.descriptors { _ = sp_close(number) }
            let command = try BrokerCommand<Service>(decoding: message.bytes, descriptors: message.descriptors.count)
            return command == .close ? .orderly : .broken
        } catch let error as SystemError where error.errno == .again {
            return .none
        } catch { return .broken }
    }
}
