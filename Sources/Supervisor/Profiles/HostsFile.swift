// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem
internal import Policy

/// The host's own list of names, for those that a session may reach: its gateway opens no file.
enum HostsFile {
    private static let path = "/etc/hosts"

    /// The lines for names that the policy allows, each name once. hosts(5)
    static func lines(for policy: EgressPolicy) throws(SystemError) -> [EgressConfiguration.HostLine] {
        let text: [Substring]
        do throws(SystemError) { text = try procText(path) } catch {
            if error.errno == .noEntry { return [] }
            throw error
        }
        var names: [HostName] = []
        var addresses: [HostName: [IPAddress]] = [:]
        for line in text {
            let words = line.prefix { $0 != "#" }.split { $0 == " " || $0 == "\t" }
            guard let first = words.first, let address = IPAddress(text: String(first)) else { continue }
            for word in words.dropFirst() {
                guard let name = HostName(word.lowercased()), case .allowed = policy.isResolvable(name) else {
                    continue
                }
                if addresses[name] == nil { names.append(name) }
                addresses[name, default: []].append(address)
            }
        }
        return names.map { EgressConfiguration.HostLine($0, addresses[$0] ?? []) }
    }
}
