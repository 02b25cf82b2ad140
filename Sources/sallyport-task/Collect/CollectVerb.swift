// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Workspace

/// `sallyport collect ...`
enum CollectVerb {
    static func run(_ arguments: [String]) -> Int32 {
        if arguments.contains("--help") || arguments.contains("-h") {
            Progress.write(CollectArguments.usage + "\n", to: 1)
            return 0
        }
        do throws(TaskFailure) {
            return try collect(try CollectArguments(arguments))
        } catch {
            Progress.say("sallyport: \(error)")
            return 125
        }
    }

    private static func collect(_ arguments: CollectArguments) throws(TaskFailure) -> Int32 {
        var run = try CollectRun.make(arguments)
        do throws(TaskFailure) {
            try run.run()
        } catch {
            try run.delivery.discard()
            throw error
        }
        try run.settle()
        try run.push()
        let json = run.record.json(files: try run.delivery.digests())
        try run.delivery.write("collect.json", JSONWriter(pretty: true).write(json) + [0x0A], mode: 0o644)
        if arguments.json {
            Progress.write(json.compactText + "\n", to: 1)
        } else {
            Progress.write(CollectSummary(record: run.record, directory: run.delivery.path).text, to: 1)
        }
        if let failure = run.record.push?.failure {
            Progress.say("sallyport: \(failure)")
            return 125
        }
        return run.record.outcome == .delivered ? 0 : 1
    }
}
