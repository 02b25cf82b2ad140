// SPDX-License-Identifier: Apache-2.0
package import Documents
internal import Isolation
internal import LinuxSystem
internal import Policy
internal import Wire

extension SessionResult {
    /// What went through a session's egress gateway, as the gateway counted it.
    package struct Egress: Sendable {
        /// One kind of denial or failure, with the event that `sallyport why` explains.
        package struct Denied: Sendable {
            package let subject: String
            package let port: UInt16
            package let reason: String
            package let count: UInt64
            package let event: UInt64

            init(_ report: EgressReport.Denial) {
                subject = report.subject
                port = report.port
                reason = report.reason
                count = report.count
                event = report.event
            }

            var json: JSON {
                .object([
                    .init("subject", .string(subject)), .init("port", .number(port)),
                    .init("reason", .string(reason)), .init("count", .number(count)), .init("event", .number(event)),
                ])
            }
        }

        /// A name that somebody let through while the session ran, at one port, and the first policy with it.
        package struct Opened: Sendable {
            package let host: String
            package let port: UInt16
            package let generation: UInt32

            init(_ opened: HostGate.Opened) {
                host = opened.name.text
                port = opened.port
                generation = opened.generation
            }

            var json: JSON {
                .object([
                    .init("host", .string(host)), .init("port", .number(port)),
                    .init("generation", .number(generation)),
                ])
            }
        }

        /// How ports are taken: `ports`, one listener each, or `transparent`.
        package var interception: String
        package var ports: [UInt16]
        package var ipv6: Bool
        /// What its kernel had not got, and the session did without.
        package var notes: [String]
        /// Everything public was let through, to find out what the task needs: far weaker than any profile.
        package var observed = false
        /// The host's sockets that the session began with: their paths on the host, by their names inside.
        package var sockets: [(name: String, path: String)] = []
        package var generation: UInt32 = 1
        package var opened: [Opened] = []
        package var allowed: UInt64 = 0
        package var denied: UInt64 = 0
        /// Allowed connections that nobody outside took.
        package var failed: UInt64 = 0
        package var bytesUp: UInt64 = 0
        package var bytesDown: UInt64 = 0
        package var recordsLost: UInt64 = 0
        /// Connections that were cut or refused since the session had sent all that it may.
        package var capped: UInt64 = 0
        /// The most frequent denials.
        package var denials: [Denied] = []
        /// The most frequent failures of what was allowed.
        package var failures: [Denied] = []
        /// The gateway ended before its session; nothing left from then on.
        package var lost: String?

        init(_ plan: EgressPlan, _ policy: EgressPolicy) {
            observed = policy.observes
            sockets = policy.socketRules.compactMap { $0.socket }.map { ($0.name, $0.path.text) }
            interception = plan.network.transparent ? "transparent" : "ports"
            ports = plan.network.ports
            ipv6 = plan.network.ipv6
            notes = plan.notes
        }

        mutating func add(_ door: EgressDoor) {
            generation = door.state.generation
            allowed = door.state.totals.allowed
            denied = door.state.totals.denied
            failed = door.state.totals.failed
            bytesUp = door.state.totals.bytesUp
            bytesDown = door.state.totals.bytesDown
            recordsLost = door.state.totals.recordsLost
            capped = door.state.totals.capped
            lost = door.failure?.description
            denials = door.state.denials.map { Denied($0) }
            failures = door.state.failures.map { Denied($0) }
        }

        package var json: JSON {
            .object([
                .init("interception", .string(interception)), .init("ports", .array(ports.map { .number($0) })),
                .init("ipv6", .bool(ipv6)), .init("notes", .array(notes.map { .string($0) })),
                .init("observed", .bool(observed)),
                .init("sockets", .object(sockets.map { .init($0.name, .string($0.path)) })),
                .init("generation", .number(generation)), .init("opened", .array(opened.map(\.json))),
                .init("allowed", .number(allowed)), .init("denied", .number(denied)),
                .init("failed", .number(failed)),
                .init("bytes_up", .number(bytesUp)), .init("bytes_down", .number(bytesDown)),
                .init("capped", .number(capped)),
                .init("records_lost", .number(recordsLost)), .init("lost", .optional(lost)),
                .init("denials", .array(denials.map(\.json))), .init("failures", .array(failures.map(\.json))),
            ])
        }
    }
}
