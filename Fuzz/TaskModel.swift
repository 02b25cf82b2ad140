// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import TaskModel

/// An agent's findings, and a work item in each of its forms.
func fuzzTaskModel(_ input: [UInt8]) {
    do throws(Findings.Flaw) {
        let findings = try Findings(input)
        let text = JSONWriter().write(findings.json)
        hold(text.allSatisfy { $0 >= 0x20 && $0 != 0x7F }, "findings are written without controls")
        // Escapes make a text longer; what is too long then is refused, never read as something else.
        if text.count <= Findings.longestDocument {
            hold((try? Findings(text)) == findings, "findings that were written are read again")
        }
        for finding in findings.findings {
            hold(!finding.file.hasPrefix("/") && finding.line ?? 1 > 0, "a finding names a place inside")
        }
    } catch {
        hold(!error.description.isEmpty, "a refusal says why")
    }
    for file in ["fuzz.md", "fuzz.yaml"] {
        do throws(TaskModelError) {
            let item = try WorkItem.read(input, file: file)
            hold(!item.title.isEmpty && item.body.utf8.count <= WorkItem.longestBody, "a work item is bounded")
            hold(item.paths.allSatisfy { !$0.hasPrefix("/") && !$0.isEmpty }, "its paths lie inside")
        } catch {
            hold(error.place.file == file && error.place.line > 0 && !error.remedy.isEmpty, "an error has a place")
        }
    }
    do throws(TaskModelError) {
        let criteria = try Criterion.list(input, file: "fuzz.yaml")
        hold(criteria.count <= Criterion.most, "criteria are bounded")
    } catch {
        hold(!error.reason.isEmpty, "an error says why")
    }
}
