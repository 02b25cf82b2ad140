// SPDX-License-Identifier: Apache-2.0
package import Documents
package import TaskModel

/// How an attempt of a step said that it ended: what the process of a step leaves for whoever started it.
package struct StepEnd: Sendable, Hashable {
    package let output: StepOutput
    /// The same may end better by itself.
    package let mayRepeat: Bool
    package let code: ErrorCode?

    package init(_ output: StepOutput, mayRepeat: Bool = false, code: ErrorCode? = nil) {
        self.output = output
        self.mayRepeat = mayRepeat
        self.code = code
    }

    package var json: JSON {
        ["output": output.json, "repeat": .bool(mayRepeat), "code": .optional(code?.rawValue)]
    }

    /// Reads what ``json`` became, as strictly as if the step itself had written it.
    package init(json: JSON) throws(StepOutput.Flaw) {
        guard let output = json["output"] else { throw .malformed("there is no output") }
        self.init(
            try StepOutput(JSONWriter().write(output)), mayRepeat: json["repeat"]?.boolValue ?? false,
            code: json["code"]?.stringValue.flatMap(ErrorCode.init(rawValue:)))
    }
}
