// SPDX-License-Identifier: Apache-2.0
internal import Delivery
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import TaskModel

extension Evidence {
    private static let largestLedger = 64 << 20

    /// What the models of this task cost, by the records of their broker; nil when it had none.
    ///
    /// - Parameter directory: Where the ledgers lie.
    func spending(in directory: String) throws(TaskFailure) -> SessionSpending? {
        var spending: SessionSpending?
        for sandbox in sessions {
            guard let model = sandbox.record.model, !model.isNull else { continue }
            let isExhausted =
                SessionSpending.figure(model["refused"]) > 0
                ? try wasRefused("\(directory)/\(sandbox.label).model.jsonl") : false
            let own = SessionSpending(
                microDollars: SessionSpending.figure(model["spent_microusd"]),
                budgetMicroDollars: SessionSpending.figure(model["budget_microusd"]), isExhausted: isExhausted,
                inputTokens: SessionSpending.figure(model["input_tokens"]),
                outputTokens: SessionSpending.figure(model["output_tokens"]))
            spending = spending.map { $0 + own } ?? own
        }
        return spending
    }

    /// When each sandbox of this task was, and behind it the calls of its models together.
    ///
    /// - Parameter directory: Where the ledgers lie.
    func stages(in directory: String) throws(TaskFailure) -> [SessionStage] {
        var stages: [SessionStage] = []
        for sandbox in sessions.prefix(SessionStage.most / 2) {
            stages.append(sandbox.stage)
            guard sandbox.record.model != nil else { continue }
            let lines = try Self.ledger("\(directory)/\(sandbox.label).model.jsonl")
            if let calls = SessionStage(calls: lines) { stages.append(calls) }
        }
        return stages
    }

    /// Whether the broker sent a request nowhere since the budget had no room for it.
    private func wasRefused(_ ledger: String) throws(TaskFailure) -> Bool {
        try Self.ledger(ledger).contains {
            $0["event"]?.stringValue == "model.refused" && $0["code"]?.stringValue == "budget"
        }
    }

    /// The lines of a broker's ledger; none where there is no such file.
    private static func ledger(_ path: String) throws(TaskFailure) -> [JSON] {
        guard access(path, F_OK) == 0 else { return [] }
        let bytes = try host { () throws(SystemError) in
            try Descriptor.open(path, O_RDONLY).readAll(limit: largestLedger, subject: "\"\(path)\"")
        }
        return bytes.split(separator: 0x0A).compactMap { line in
            // The last line of a ledger whose disk was full is cut; what is before it counts.
            do throws(JSONParser.Failure) { return try JSONParser.parse(Array(line)) } catch { return nil }
        }
    }
}
