// SPDX-License-Identifier: Apache-2.0
internal import Documents

extension BundleAgreement {
    /// Holds what was written down before the agent began against what was written at the end.
    ///
    /// - Parameter bytes: Of `opening.json`, whose digest the commits bear.
    func checkOpening(_ bytes: [UInt8], _ evidence: JSON, _ report: inout BundleReport) {
        let name = Manifest.openingName
        let opening: JSON
        do throws(JSONParser.Failure) { opening = try JSONParser.parse(bytes) } catch {
            return report.add(name, "is no JSON: \(error.reason) at byte \(error.offset)")
        }
        for member in ["task", "type", "repository", "request", "work_item", "prompt", "base"]
        where opening[member] == nil || opening[member] != evidence[member] {
            report.add(name, "has another \(member) than \(Manifest.evidenceName)")
        }
        if opening["continued"] ?? .null != evidence["continued"] ?? .null {
            report.add(name, "has taken up another commit than \(Manifest.evidenceName)")
        }
        // What came of them after the work is not in it yet.
        for (member, early) in [
            ("checks", ["name", "command", "gate", "before", "logs"]), ("criteria", ["name", "text", "check"]),
        ] where Self.parts(early, opening[member]) != Self.parts(early, evidence[member]) {
            report.add(name, "has other \(member) than \(Manifest.evidenceName)")
        }
        // More sandboxes came later, and with the first of them its root file system.
        for (member, noun) in [("host", "host's"), ("observed", "sandbox")] {
            for part in opening[member]?.objectValue ?? [] where part.value != evidence[member]?[part.name] {
                report.add(name, "has another \(noun) \"\(part.name)\" than \(Manifest.evidenceName)")
            }
        }
    }

    private static func parts(_ names: [String], _ list: JSON?) -> [[JSON?]]? {
        list?.arrayValue?.map { element in names.map { element[$0] } }
    }
}
