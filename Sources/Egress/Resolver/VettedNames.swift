// SPDX-License-Identifier: Apache-2.0
package import LinuxSystem
package import Policy

/// Names of a broker's upstreams, looked up outside and judged like those of a session: the same resolver, the same
/// ranges, the same routing.
package final class VettedNames {
    /// Why there is no address that may be dialled.
    package struct Failure: Error, Sendable, Equatable {
        /// In a word.
        package let reason: String
        package let detail: String
    }

    private let loop: EventLoop
    private let resolver: Resolver
    private let routes: HostRoutes

    /// Opens the library's own sockets and files: before this process gives up files by name.
    package init(_ loop: EventLoop) throws(SystemError) {
        self.loop = loop
        resolver = try Resolver(loop)
        routes = try HostRoutes()
    }

    /// Takes the host's own lines of names.
    package func setHosts(_ lines: [EgressConfiguration.HostLine]) { resolver.setHosts(lines) }

    /// Finds the addresses that a rule allows; `done` is called later, or at once.
    ///
    /// - Parameter known: Addresses that need no look-up; they are judged all the same.
    package func find(
        _ name: HostName?, known: [IPAddress]?, rule: EgressRule, policy: EgressPolicy,
        _ done: @escaping (Result<[IPAddress], Failure>) -> Void
    ) {
        if let known { return done(judge(known, rule, policy)) }
        guard let name else { return done(.failure(Failure(reason: "name_not_found", detail: "it has no name"))) }
        resolver.resolve(name.text) { [self] answer in
            switch answer {
            case .success(let addresses): done(judge(addresses, rule, policy))
            case .failure(.noAddress):
                done(.failure(Failure(reason: "name_not_found", detail: "\(name) has no address")))
            case .failure(.unavailable(let text)):
                done(
                    .failure(
                        Failure(reason: "resolver_unavailable", detail: "the host's resolvers said: \(text)")))
            }
        }
    }

    private func judge(_ addresses: [IPAddress], _ rule: EgressRule, _ policy: EgressPolicy)
        -> Result<[IPAddress], Failure>
    {
        switch AddressJudge(policy: policy, rule: rule, routes: routes, now: loop.now).judge(addresses) {
        case .passed(let addresses): .success(addresses)
        case .refused(let denial, _): .failure(Failure(reason: denial.code.rawValue, detail: denial.message))
        case .unreachable:
            .failure(Failure(reason: "unreachable", detail: "this host has no route to any address of it"))
        }
    }
}
