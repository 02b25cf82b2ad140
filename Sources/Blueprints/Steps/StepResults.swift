// SPDX-License-Identifier: Apache-2.0
package import Documents

/// What the steps of a task said, in the order in which they ended: the part of its checkpoint that later steps see.
package struct StepResults: Sendable, Hashable {
    package struct Entry: Sendable, Hashable {
        package let step: String
        package let output: StepOutput

        package init(step: String, output: StepOutput) {
            self.step = step
            self.output = output
        }
    }

    package private(set) var entries: [Entry]

    package init(entries: [Entry] = []) { self.entries = entries }

    /// Takes the result of a step; one of the same name that ended before is replaced and moves to the end.
    package mutating func add(_ step: String, _ output: StepOutput) {
        entries.removeAll { $0.step == step }
        entries.append(Entry(step: step, output: output))
    }

    /// The newest few, their order kept.
    package func newest(_ count: Int) -> StepResults { StepResults(entries: Array(entries.suffix(max(0, count)))) }

    package subscript(step: String) -> StepOutput? { entries.last { $0.step == step }?.output }

    /// An object: names to outputs.
    package var json: JSON { .object(entries.map { .init($0.step, $0.output.json) }) }

    /// Bytes of a checkpoint.
    package static let longestCheckpoint = 262_144

    package enum Flaw: Error, Sendable, Hashable, CustomStringConvertible {
        case tooLarge(Int)
        case malformed(String)

        package var description: String {
            switch self {
            case .tooLarge(let count):
                "cannot store the checkpoint: it has \(count) bytes, more than \(StepResults.longestCheckpoint). "
                    + "Lower pipeline.previous_results, or let steps say less."
            case .malformed(let reason):
                "cannot read the checkpoint: \(reason). It was not written by this program; resume the task anew."
            }
        }
    }

    /// The bytes to be stored; refused rather than cut.
    package func checkpoint() throws(Flaw) -> [UInt8] {
        let bytes = JSONWriter().write(
            .array(entries.map { ["step": .string($0.step), "output": $0.output.json] }))
        guard bytes.count <= Self.longestCheckpoint else { throw .tooLarge(bytes.count) }
        return bytes
    }

    /// Reads a checkpoint back as strictly as if a step had written it.
    package init(checkpoint bytes: [UInt8]) throws(Flaw) {
        guard bytes.count <= Self.longestCheckpoint else { throw .tooLarge(bytes.count) }
        let root: JSONValue
        do throws(JSONText.Flaw) {
            root = try JSONText(bytes, limits: .init(depth: StepOutput.deepest + 2, values: 200_000)).root
        } catch {
            throw .malformed("\(error.reason) at byte \(error.offset)")
        }
        guard root.kind == .array else { throw .malformed("it is no list") }
        var entries: [Entry] = []
        for value in root.elements {
            guard value.members.count == 2, let step = value["step"]?.string, Section.isPlainName(step),
                !entries.contains(where: { $0.step == step }), let output = value["output"]
            else { throw .malformed("an entry is no result of a step") }
            do throws(StepOutput.Flaw) {
                entries.append(Entry(step: step, output: try StepOutput(Array(output.bytes))))
            } catch {
                throw .malformed("of step \"\(step)\": \(error)")
            }
        }
        self.entries = entries
    }
}
