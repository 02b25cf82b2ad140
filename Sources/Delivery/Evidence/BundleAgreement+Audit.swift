// SPDX-License-Identifier: Apache-2.0
internal import Documents

extension BundleAgreement {
    /// Holds the audit against the evidence and against the records of the sandboxes, from its first record to its last:
    ///
    ///     task_created  upstream_read?  hydration_complete
    ///     (one sandbox's end and what it ran into | proposal_received | approval | branch_pushed | push_gate | what was received | upstream_pushed |
    ///     forge_updated)*
    ///     task_completed or task_failed
    func checkAudit(
        _ bytes: [UInt8], _ sandboxes: [ObservedSandbox], _ evidence: JSON, _ report: inout BundleReport
    ) {
        func require(_ holds: Bool, _ record: Int?, _ problem: String) {
            if !holds { report.add(Manifest.auditName, record: record, problem) }
        }
        var events: [TaskEvent] = []
        for line in bytes.split(separator: 0x0A, omittingEmptySubsequences: false).dropLast() {
            guard let event = Self.event(line, events.count) else {
                return require(false, events.count, "is no record of the host's")
            }
            events.append(event)
        }
        let last = events.count - 1
        guard last > 2 || (last == 2 && evidence["upstream"]?.isNull != false) else {
            return require(false, nil, "does not tell a task")
        }
        require(events[0] == .created(evidence), 0, "tells of another task than \(Manifest.evidenceName)")
        let isRemote = evidence["upstream"]?.isNull == false
        if isRemote {
            require(events[1] == .upstreamRead(evidence), 1, "tells of another upstream than \(Manifest.evidenceName)")
        }
        let begun = isRemote ? 2 : 1
        require(
            events[begun] == .hydrated(evidence), begun, "tells of another base or prompt than \(Manifest.evidenceName)"
        )
        let isSuccess = events[last] == .finished(evidence, isSuccess: true)
        require(
            isSuccess || events[last] == .finished(evidence, isSuccess: false), last,
            "tells of another outcome than \(Manifest.evidenceName)")
        require(!isSuccess || evidence["state"]?.stringValue == "COMPLETED", last, "tells of a success that is none")
        var expected = sandboxes.flatMap { TaskEvent.ended($0) }[...]
        var pushed = TaskEvent.pushed(evidence)[...]
        var proposed = TaskEvent.proposed(evidence)[...]
        var asked = TaskEvent.asked(evidence)[...]
        var upstream: Int?
        var gate: Int?
        var delivery: Int?
        var forge: Int?
        for (record, event) in events.enumerated().dropFirst(begun + 1).dropLast() {
            switch event.subject {
            case .sandbox:
                guard event == expected.popFirst() else {
                    return require(false, record, "tells of another sandbox than the records")
                }
            case .pushed:
                require(
                    event == pushed.popFirst(), record, "tells of another push than \(Manifest.evidenceName)")
            case .proposed:
                require(
                    event == proposed.popFirst(), record, "tells of another proposal than \(Manifest.evidenceName)")
            case .asked:
                require(
                    event == asked.popFirst(), record, "asks for another thing than \(Manifest.evidenceName)")
            case .upstream: upstream = record
            case .forge:
                require(
                    forge == nil && event == .forgeUpdated(evidence), record,
                    "tells the forge another thing than \(Manifest.evidenceName)")
                forge = record
            case .gate: gate = record
            case .delivery: delivery = record
            case .other: require(false, record, "is of no kind that stands there")
            }
        }
        require(
            (forge != nil) == TaskEvent.isForgeUpdated(evidence), forge,
            "tells otherwise than \(Manifest.evidenceName) whether the forge got anything")
        require(pushed.isEmpty, nil, "does not tell of every push that \(Manifest.evidenceName) has")
        require(proposed.isEmpty, nil, "does not tell of every proposal that \(Manifest.evidenceName) has")
        require(asked.isEmpty, nil, "does not ask for all that \(Manifest.evidenceName) has")
        let wasPushed = evidence["upstream"]?["branch_pushed"]?.boolValue == true
        require(
            upstream.map { events[$0] == .upstreamPushed(evidence) } ?? !wasPushed, upstream,
            "tells of another push to the upstream than \(Manifest.evidenceName)")
        require(expected.isEmpty, nil, "does not tell all that the records of the sandboxes have")
        // The last word counts: the gate speaks before the tests and after them.
        require(
            gate.map { events[$0] } == TaskEvent.judged(evidence), gate,
            "tells of another verdict than \(Manifest.evidenceName)")
        let nothing = evidence["delivered"]?.isNull == true && evidence["gate"]?.isNull == true
        require(
            delivery.map { events[$0] == .received(evidence) } ?? nothing, delivery,
            "tells of another delivery than \(Manifest.evidenceName)")
    }

    private static func event(_ line: ArraySlice<UInt8>, _ number: Int) -> TaskEvent? {
        do throws(JSONParser.Failure) {
            let record = try JSONParser.parse(Array(line))
            guard record["version"] == 1, record["seq"] == JSON.int(number),
                record["source"]?.stringValue == FileKind.Source.observed.rawValue
            else { return nil }
            return TaskEvent(record: record)
        } catch { return nil }
    }
}
