// SPDX-License-Identifier: Apache-2.0
import Documents

extension Profile {
    /// The profile with one limit as the caller wants it, lower or higher, as `run --limit key=value` asks.
    ///
    /// Whoever runs a sandbox chooses its profile as well, so a figure of the caller's own gives nothing away. The two
    /// keys that say how limits are held are no figures: weakening them takes a profile that says so in its name.
    ///
    /// - Throws: ``PolicyError`` for an unknown key, a value that does not read, a weaker way of holding limits, or a
    ///   value so small that nothing runs.
    package func setting(limit key: String, value: String) throws(PolicyError) -> Profile {
        let (limit, number) = try Self.parse(limit: key, value: value)
        switch limit {
        case .enforcement, .workspace:
            guard number <= limits[limit] else {
                throw Self.refusal(
                    "limit \"\(key)\" of \(limit.text(number)) is weaker than the \(limits.text(limit)) of profile "
                        + "\"\(name)\"",
                    limit == .enforcement
                        ? "Choose a profile that says so by name, such as strict-rlimit."
                        : "Choose a profile that says so by name.")
            }
        case .pids, .memory, .shm, .tmp, .workspaceBytes, .workspaceInodes, .openFiles, .cpu, .logBytes, .egressBytes,
            .io,
            .wall:
            break
        }
        return try replacing(limit, with: number)
    }

    /// The profile with one limit lowered, for callers who may only take away.
    ///
    /// - Throws: ``PolicyError`` for an unknown key, a value that does not read, one larger than the profile's, or
    ///   one so small that nothing runs.
    package func narrowed(limit key: String, value: String) throws(PolicyError) -> Profile {
        let (limit, number) = try Self.parse(limit: key, value: value)
        guard number <= limits[limit] else {
            throw Self.refusal(
                "limit \"\(key)\" of \(limit.text(number)) is wider than the \(limits.text(limit)) of profile "
                    + "\"\(name)\"", "Choose a profile that allows it.")
        }
        return try replacing(limit, with: number)
    }

    private static let option = "--limit"

    private static func refusal(_ message: String, _ remedy: String) -> PolicyError {
        PolicyError(message, file: option, remedy: remedy, operation: "apply")
    }

    private static func parse(limit key: String, value: String) throws(PolicyError) -> (LimitKey, UInt64) {
        guard let limit = LimitKey(rawValue: key) else {
            let known = LimitKey.allCases.map { $0.rawValue }
            let near = nearestName(to: key, among: known).map { "Did you mean \"\($0)\"?" }
            throw refusal("unknown limit \"\(key)\"", near ?? "Known: \(known.joined(separator: ", ")).")
        }
        guard let number = limit.parse(value) else {
            throw refusal("limit \"\(key)\" is \"\(value)\"", "Write \(limit.expected).")
        }
        return (limit, number)
    }

    private func replacing(_ limit: LimitKey, with number: UInt64) throws(PolicyError) -> Profile {
        var result = self
        result.limits[limit] = number
        result.origins["limits.\(limit.rawValue)"] = Place(file: Self.option, line: 0)
        if let finding = result.lint().first(where: { $0.severity == .error }) {
            throw Self.refusal(finding.message, finding.remedy)
        }
        return result
    }
}
