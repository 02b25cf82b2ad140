// SPDX-License-Identifier: Apache-2.0
internal import Delivery
internal import Glibc
internal import LinuxSystem
internal import Workspace

/// Has bundle and patch written of what the gate let pass: by a step that reads the repository and writes these two files,
/// both of which are ours, and can do nothing else.
///
/// It read hostile objects to do so. Whether the files are what they should be is seen before they are handed over, in
/// ``ConfinedStep/require(_:in:)``.
struct ExportStep {
    let step: ConfinedStep

    /// - Parameter common: Base, reference, quarantine and owner, as every step of the intake gets them.
    func write(_ tip: ObjectID, _ common: [String], in delivery: borrowing DeliveryDirectory) throws(TaskFailure)
        -> ConfinedStep.Answer
    {
        let bundle = try delivery.createResult(Manifest.bundleName)
        let patch = try delivery.createResult(Manifest.patchName)
        let answer = try step.ask(
            ["step-export", "--head", "\(tip)"] + common, outputs: [bundle.number, patch.number])
        // What there is of one that is too large is no patch.
        if case .report(let report) = answer, report["patch"] != "written" {
            try delivery.removeResult(Manifest.patchName)
        }
        return answer
    }
}

extension DeliveryDirectory {
    /// Opens a new file beside the repository, for a step that cannot make one there.
    fileprivate borrowing func createResult(_ name: String) throws(TaskFailure) -> Descriptor {
        try host { () throws(SystemError) in
            try Directory.open(quarantine).open(name, O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
        }
    }

    fileprivate borrowing func removeResult(_ name: String) throws(TaskFailure) {
        try host { () throws(SystemError) in try Directory.open(quarantine).remove(name) }
    }
}
