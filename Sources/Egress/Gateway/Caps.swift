// SPDX-License-Identifier: Apache-2.0

/// What one session may use of its gateway. Every queue here has an end, so that a flood costs only the session itself.
struct Caps {
    /// Connections at the same time, those to the resolver included.
    var connections = 256
    var connectionsPerSecond: UInt64 = 100
    var connectionBurst: UInt64 = 200
    var questionsPerSecond: UInt64 = 200
    var questionBurst: UInt64 = 1000
    /// Questions to the supervisor about who holds a socket.
    var ownersPerSecond: UInt64 = 10
    var ownerBurst: UInt64 = 50
    /// Accepted or received in one turn, so that one source cannot hold up the others.
    var perTurn = 64
    /// How long the first bytes of a client may take, as a whole.
    var headMilliseconds: UInt64 = 5_000
    /// How long a denied client has to say what it speaks, and then to read the explanation.
    var explainMilliseconds: UInt64 = 1_000
    /// One attempt to connect, and all attempts for one connection.
    var attemptMilliseconds: UInt64 = 5_000
    var dialMilliseconds: UInt64 = 10_000
    /// Without a byte in either direction.
    var idleMilliseconds: UInt64 = 600_000
    /// How long an answer may wait for the name of the process that asked.
    var ownerMilliseconds: UInt64 = 50
    /// Distinct names that one session may have addresses for.
    var names = 4096
    /// Bytes that are held for one direction of a connection whose bytes must be read.
    var heldBytes = 65_536
    var auditBytes: UInt64 = 16 << 20
}
