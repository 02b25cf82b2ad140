// SPDX-License-Identifier: Apache-2.0
package import Documents

/// Where sessions can run: closed, so that a new one shows every place that has to know it.
package enum ComputeType: String, Sendable, CaseIterable {
    /// A sandbox on this host.
    case local
}

/// What is needed to find a session again, stored with its task.
package enum SessionHandle: Sendable, Hashable {
    case local(LocalSession)

    package struct LocalSession: Sendable, Hashable {
        /// Chosen before anything starts, so that whoever comes after a crash looks for the very same.
        package let session: String

        package init(session: String) { self.session = session }
    }

    /// The handle of a session that was intended; whether it is there is for its strategy to say.
    package init(_ type: ComputeType, session: String) {
        switch type {
        case .local: self = .local(LocalSession(session: session))
        }
    }

    package var type: ComputeType {
        switch self {
        case .local: .local
        }
    }

    package var session: String {
        switch self {
        case .local(let local): local.session
        }
    }

    package var json: JSON { ["type": .string(type.rawValue), "session": .string(session)] }

    /// Nil for what ``json`` did not write.
    package init?(json: JSON) {
        guard let type = json["type"]?.stringValue.flatMap(ComputeType.init(rawValue:)),
            let session = json["session"]?.stringValue, !session.isEmpty
        else { return nil }
        self.init(type, session: session)
    }
}
