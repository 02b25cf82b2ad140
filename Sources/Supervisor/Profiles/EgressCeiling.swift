// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem
package import Policy

/// How far a running session may be opened: `egress:` of `/etc/sallyport/ceiling.yaml`, as in a profile.
///
/// Without the file whoever may change the session at all, root or the user who started it, sets the limit. With it a
/// change must stay within what the session started with, or within the ceiling.
package enum EgressCeiling {
    package static let path = "/etc/sallyport/ceiling.yaml"

    /// The operator's ceiling; nil where there is none.
    package static func load(
        _ files: ProfileFiles, _ registries: Registries, path: String = path
    ) throws(PolicyError) -> EgressPolicy? {
        do throws(SystemError) {
            let status = try FileStatus.path(path)
            guard status.uid == 0 else {
                throw SystemError("trust", "\"\(path)\"", .notPermitted, remedy: "It must belong to root.")
            }
        } catch {
            if error.errno == .noEntry || error.errno == .notDirectory { return nil }
            throw PolicyError(error.explanationLine, file: path, remedy: error.remedy ?? "Check the path.")
        }
        let (file, bytes) = try files.source(path, allowPath: true)
        guard let part = try SessionCeiling.egressPart(bytes, file: file) else { return nil }
        return try files.egress(path, registries, text: part)
    }

    /// Refuses a policy that lets through what neither the ceiling nor the session's first policy does.
    package static func check(_ policy: EgressPolicy, started: EgressPolicy, ceiling: EgressPolicy) throws(PolicyError)
    {
        guard policy.excess(over: started) != nil, let excess = policy.excess(over: ceiling) else { return }
        throw PolicyError(
            excess.isLooser
                ? "opens \(excess.what) with fewer conditions than the ceiling (\(excess.rule.text))"
                : "opens \(excess.what), which the ceiling does not",
            file: excess.rule.origin, remedy: "Narrow the rule, or let the operator raise \(path).", operation: "apply")
    }
}

extension ProfileFiles {
    /// What a profile, or a file with nothing but `egress:`, lets out: laid over `strict`, registries in place.
    ///
    /// - Parameter text: What stands in the file, where that was read already.
    package func egress(
        _ name: String, _ registries: Registries, text: [UInt8]? = nil
    ) throws(PolicyError) -> EgressPolicy {
        let wrapper = "version: 1\nextends: [strict, given]\nreason: What a running session may reach.\n"
        let profile = try Profile.load(name: "live") { wanted throws(PolicyError) in
            switch wanted {
            case "live": return ("\(name), laid over strict", Array(wrapper.utf8))
            case "given": return if let text { (name, text) } else { try source(name, allowPath: true) }
            default: return try source(wanted, allowPath: false)
            }
        }
        return try profile.expandingRegistries(registries.expand).egress
    }
}
