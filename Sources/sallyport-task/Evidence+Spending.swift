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

    /// Whether the broker sent a request nowhere since the budget had no room for it.
    private func wasRefused(_ ledger: String) throws(TaskFailure) -> Bool {
        guard access(ledger, F_OK) == 0 else { return false }
        let bytes = try host { () throws(SystemError) in
            try Descriptor.open(ledger, O_RDONLY).readAll(limit: Self.largestLedger, subject: "\"\(ledger)\"")
        }
        for line in bytes.split(separator: 0x0A) {
            let record: JSON
            do throws(JSONParser.Failure) { record = try JSONParser.parse(Array(line)) } catch {
                // The last line of a ledger whose disk was full is cut; what is before it counts.
                continue
            }
            if record["event"]?.stringValue == "model.refused", record["code"]?.stringValue == "budget" { return true }
        }
        return false
    }
}
