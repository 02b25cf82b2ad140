// SPDX-License-Identifier: Apache-2.0

/// How often something may happen: so many at once, and then so many a second.
struct TokenBucket {
    private let perSecond: UInt64
    private let burst: UInt64
    /// In billionths of one permission, so that no time is lost to rounding.
    private var level: UInt64
    private var last: UInt64

    init(perSecond: UInt64, burst: UInt64, now: UInt64) {
        self.perSecond = perSecond
        self.burst = burst
        level = burst * 1_000_000_000
        last = now
    }

    /// Whether there is a permission at a moment in nanoseconds.
    mutating func hasOne(at now: UInt64) -> Bool {
        let elapsed = min(now &- last, 3_600_000_000_000)
        last = now
        level = min(burst * 1_000_000_000, level + elapsed * perSecond)
        return level >= 1_000_000_000
    }

    /// Milliseconds until there is one.
    var milliseconds: UInt64 {
        level >= 1_000_000_000 ? 0 : (1_000_000_000 - level) / max(1, perSecond) / 1_000_000 + 1
    }

    /// Takes one permission at a moment in nanoseconds; false when there is none.
    mutating func take(at now: UInt64) -> Bool {
        _ = hasOne(at: now)
        guard level >= 1_000_000_000 else { return false }
        level -= 1_000_000_000
        return true
    }
}
