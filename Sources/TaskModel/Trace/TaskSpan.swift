// SPDX-License-Identifier: Apache-2.0
package import Documents

/// A piece of a task's life with a beginning and an end.
package struct TaskSpan: Sendable, Hashable {
    package enum Outcome: Sendable, Hashable {
        case succeeded
        case failed(String)
        /// It has no end yet: it is shown up to the last thing that is known.
        case open
    }

    /// 16 hexadecimal digits; the same whenever it is made.
    package let id: String
    /// Nil for the one that is the task.
    package let parent: String?
    package let name: String
    package internal(set) var startedMilliseconds: Int
    package internal(set) var endedMilliseconds: Int
    package internal(set) var outcome = Outcome.open
    package internal(set) var attributes: [JSON.Member] = []
    /// What happened in it, by the names of events.
    package internal(set) var marks: [Mark] = []

    package struct Mark: Sendable, Hashable {
        package let name: String
        package let milliseconds: Int
    }

    init(id: String, parent: String?, name: String, at milliseconds: Int) {
        self.id = id
        self.parent = parent
        self.name = name
        startedMilliseconds = milliseconds
        endedMilliseconds = milliseconds
    }

    /// Brings it into the time of what it is a part of: the wall clock may have been set in between.
    mutating func clamp(to outer: TaskSpan) {
        let range = outer.startedMilliseconds...outer.endedMilliseconds
        startedMilliseconds = min(max(startedMilliseconds, range.lowerBound), range.upperBound)
        endedMilliseconds = min(max(endedMilliseconds, startedMilliseconds), range.upperBound)
    }
}

extension TaskSpan {
    /// As OTLP has spans in JSON: identifiers in hexadecimal digits, 64-bit numbers as strings.
    ///
    /// - SeeAlso: OpenTelemetry Protocol, "JSON Protobuf Encoding"; trace.proto
    func openTelemetry(trace: String) -> JSON {
        var attributes = attributes
        var status: JSON = ["code": 1]
        switch outcome {
        case .succeeded: break
        case .failed(let reason): status = ["code": 2, "message": .string(reason)]
        case .open:
            status = ["code": 0]
            attributes.append(.init("sallyport.open", true))
        }
        return .object(
            [.init("traceId", .string(trace)), .init("spanId", .string(id))]
                + (parent.map { [.init("parentSpanId", .string($0))] } ?? []) + [
                    // SPAN_KIND_INTERNAL
                    .init("name", .string(name)), .init("kind", 1),
                    .init("startTimeUnixNano", Self.nanoseconds(startedMilliseconds)),
                    .init("endTimeUnixNano", Self.nanoseconds(endedMilliseconds)),
                    .init("attributes", Self.attributes(attributes)),
                    .init(
                        "events",
                        .array(
                            marks.map {
                                ["timeUnixNano": Self.nanoseconds($0.milliseconds), "name": .string($0.name)]
                            })),
                    .init("status", status),
                ])
    }

    private static func nanoseconds(_ milliseconds: Int) -> JSON { .string("\(max(0, milliseconds))000000") }

    /// Those that have a value.
    static func attributes(_ members: [JSON.Member]) -> JSON {
        .array(
            members.compactMap { member in
                let value: JSON
                switch member.value {
                case .string(let text): value = ["stringValue": .string(text)]
                case .int(let number): value = ["intValue": .string("\(number)")]
                case .bool(let isTrue): value = ["boolValue": .bool(isTrue)]
                case .null, .double, .array, .object: return nil
                }
                return ["key": .string(member.name), "value": value]
            })
    }
}
