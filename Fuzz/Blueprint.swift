// SPDX-License-Identifier: Apache-2.0
internal import Blueprints
internal import Documents
internal import TaskModel

/// A blueprint: what is taken has a canonical form that reads back as itself, and what is not has a place.
func fuzzBlueprint(_ input: [UInt8]) {
    do throws(BlueprintRefusal) {
        let blueprint = try Blueprint.read(input, file: "fuzz.yaml")
        let canonical = blueprint.canonicalBytes
        do throws(BlueprintRefusal) {
            let again = try Blueprint.read(canonical, file: "fuzz.json")
            hold(again.canonicalBytes == canonical, "the canonical form is its own")
            hold(again.pipeline.sequence == blueprint.pipeline.sequence, "its steps are the same")
        } catch {
            stop("the canonical form is refused: \(error)")
        }
        let names = blueprint.pipeline.sequence.steps.map(\.name)
        hold(names.first == "admission-control" && names.last == "finalize", "required steps stand at the ends")
        hold(Set(names).count == names.count, "no step runs twice")
        hold(BlueprintDiff(from: blueprint.document, to: blueprint.document).isEmpty, "nothing differs from itself")
        let settled = SettledFigures(blueprint: blueprint, task: TaskFigures(maxTurns: 500, maxBudget: 100_000_000))
        hold(settled.maxTurns.value <= blueprint.agent.maxTurnsCeiling, "no figure is above its ceiling")
        if let most = blueprint.budgets.perTask {
            hold((settled.maxBudget?.value ?? .max) <= most, "no budget is above its ceiling")
        }
        let snapshot = TaskSnapshot(blueprint: blueprint, type: .newTask, limits: settled)
        do throws(BlueprintRefusal) {
            let loaded = try TaskSnapshot.load(snapshot.bytes, of: "t")
            hold(loaded.bytes == snapshot.bytes, "a snapshot reads back")
        } catch {
            stop("a snapshot is refused: \(error)")
        }
    } catch {
        hold(!error.flaws.isEmpty, "a refusal says why")
        for flaw in error.flaws {
            hold(
                flaw.place.line > 0 && !flaw.remedy.isEmpty && flaw.severity == .error,
                "a flaw has a place and a remedy")
            hold(isOneLine(flaw.description), "a flaw is one line of visible text")
        }
    }
    do throws(BlueprintRefusal) { _ = try HostCeiling.read(input, file: "fuzz.yaml") } catch {
        hold(!error.flaws.isEmpty, "a refusal says why")
    }
}

/// What a custom step wrote, and a checkpoint that a store gave back.
func fuzzStepOutput(_ input: [UInt8]) {
    do throws(StepOutput.Flaw) {
        let output = try StepOutput(input)
        let bytes = JSONWriter().write(output.json)
        hold(JSONWriter().write(output.metadata).count <= StepOutput.longestMetadata, "metadata is bounded")
        if bytes.count <= StepOutput.longestDocument {
            hold((try? StepOutput(bytes)) == output, "output that was written is read again")
        }
        if case .failed(let message, _) = output { hold(!message.isEmpty, "a failure says why") }
    } catch {
        hold(isOneLine(error.description), "a flaw is one line of visible text")
    }
    for end in [StepAttempt.End.exited(0), .exited(3), .exited(75), .timedOut] {
        let attempt = StepAttempt.judge(end, output: input)
        if end != .exited(0) { hold(attempt.output.status == "failed", "nothing but a clean end is a success") }
    }
    do throws(StepResults.Flaw) {
        let results = try StepResults(checkpoint: input)
        hold((try? StepResults(checkpoint: results.checkpoint())) == results, "a checkpoint is written and read again")
    } catch {
        hold(!error.description.isEmpty, "a flaw says why")
    }
}

/// Text of strangers on its way into a prompt.
func fuzzScreening(_ input: [UInt8]) {
    let raw = String(decoding: input, as: UTF8.self)
    let found = SanitizedText(raw, cutsPhrases: false)
    hold(
        SanitizedText(found.text, cutsPhrases: false).findings.allSatisfy { $0.kind != .controlCharacters },
        "no control is left")
    for scalar in found.text.unicodeScalars {
        hold(
            scalar.value >= 0x20 && scalar.value != 0x7F || scalar == "\n" || scalar == "\t", "every character is shown"
        )
    }
    let cut = SanitizedText(raw, cutsPhrases: true)
    hold((cut.severity ?? .low) >= (found.severity ?? .low), "cutting finds as much as looking")
    do throws(Hydration.Failure) {
        let half = raw.unicodeScalars.count / 2
        let parts = [String(raw.unicodeScalars.prefix(half)), String(raw.unicodeScalars.dropFirst(half))]
        let hydration = try Hydration(
            [
                .init("duty", .operator, "Work.\n"),
                .init("conversation", .thirdParty, parts: parts, shedding: .conversation),
            ], budget: 400, cutsOrders: true)
        hold(hydration.tokens <= 400, "the budget is kept")
        hold(hydration.prompt.segments.first?.text == "Work.\n", "duty is always there")
    } catch {
        stop("what can be left out was not: \(error)")
    }
}

private func isOneLine(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }
}
