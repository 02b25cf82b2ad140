// SPDX-License-Identifier: Apache-2.0
package import Documents

/// A task's life as spans, made of its events and of what its sessions reported: nothing is measured for it, so it is the
/// same whenever it is asked for, and by whichever daemon.
///
///     task ─▶ attempt ─▶ submit, queue, each step
///                          await-agent-completion ─▶ sandboxes ─▶ model calls
///                                                    approvals, delivery, steps beside it
package struct TaskTrace: Sendable {
    /// 32 hexadecimal digits: the task's ``CorrelationID`` where that has the form.
    package let id: String
    /// Each behind the one that it is a part of.
    package let spans: [TaskSpan]

    /// - Parameters:
    ///   - events: All of the task, in their order.
    ///   - sha256: In hexadecimal.
    package init(_ task: TaskRecord, _ events: [EventRecord], sha256: @escaping ([UInt8]) -> String) {
        let correlation = task.request.correlation ?? CorrelationID(task: task.id, sha256: sha256)
        id = correlation.trace(sha256: sha256)
        var builder = TraceBuilder(trace: id, sha256: sha256)
        for event in events { builder.take(event) }
        builder.end(task)
        builder.describe(task, correlation)
        spans = builder.spans
    }

    /// What collectors of OpenTelemetry take as a file or by HTTP.
    package var openTelemetry: JSON {
        let resource = TaskSpan.attributes([.init("service.name", "sallyport")])
        let scope: JSON = ["name": "sallyport.tasks", "version": "1"]
        return [
            "resourceSpans": [
                [
                    "resource": ["attributes": resource],
                    "scopeSpans": [
                        ["scope": scope, "spans": .array(spans.map { $0.openTelemetry(trace: id) })]
                    ],
                ]
            ]
        ]
    }
}
