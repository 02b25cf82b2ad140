// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem
internal import Policy
internal import TaskModel
internal import Workspace

/// Which model a preset asks for, and in which form: what it has itself, as far as the file of `--model` has that.
///
/// `sallyport run --model` reads the same file and judges by it. Here it only has to fit the agent, which is better known before
/// anything runs than from a refusal in the middle of the work.
struct AgentModel {
    let api: AgentPreset.API
    let model: String

    private static let longest = 256 << 10

    init(_ preset: AgentPreset, _ arguments: TaskArguments) throws(TaskFailure) {
        guard let file = arguments.model else {
            self.init(api: preset.api, model: arguments.agentModel ?? preset.model)
            return
        }
        try self.init(preset, asked: arguments.agentModel, Self.service(file), file)
    }

    private init(api: AgentPreset.API, model: String) {
        self.api = api
        self.model = model
    }

    private init(
        _ preset: AgentPreset, asked: String?, _ service: ModelService, _ file: String
    ) throws(TaskFailure) {
        let spoken = [preset.api] + preset.otherAPIs
        let offered = service.upstreams.map(\.api.rawValue)
        guard let api = spoken.first(where: { offered.contains($0.rawValue) }) else {
            throw TaskFailure(
                "use", "agent \"\(preset.name)\" with \"\(PrintableText.escapedOnce(file))\"",
                "it speaks \(spoken.map(\.rawValue).joined(separator: " and ")), and the file has "
                    + offered.joined(separator: " and "),
                remedy: "Name an upstream of that form under apis, or use another agent.")
        }
        if let asked, !Self.admits(service, asked) {
            throw TaskFailure(
                "ask for", "model \"\(PrintableText.escapedOnce(asked))\"",
                "\"\(PrintableText.escapedOnce(file))\" does not have it",
                remedy: "It has \(service.models.joined(separator: ", ")).")
        }
        let own = Self.admits(service, preset.model) ? preset.model : service.models.first { !$0.hasSuffix("*") }
        guard let model = asked ?? own else {
            throw TaskFailure(
                "choose", "a model for agent \"\(preset.name)\"",
                "\"\(PrintableText.escapedOnce(file))\" has only beginnings of names, and none of \(preset.model)",
                remedy: "Name one with --agent-model.")
        }
        self.init(api: api, model: model)
    }

    private static func admits(_ service: ModelService, _ model: String) -> Bool {
        service.models.contains { $0.hasSuffix("*") ? model.hasPrefix($0.dropLast()) : model == $0 }
    }

    private static func service(_ file: String) throws(TaskFailure) -> ModelService {
        let bytes = try host { () throws(SystemError) in
            try Descriptor.open(file, O_RDONLY).readAll(limit: longest, subject: "\"\(file)\"")
        }
        do throws(PolicyError) { return try ModelService(bytes, file: file) } catch {
            throw TaskFailure(message: "\(error)")
        }
    }
}
