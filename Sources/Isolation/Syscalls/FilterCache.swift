// SPDX-License-Identifier: Apache-2.0
package import LinuxSystem
package import Policy

/// Compiled filters, kept beside the sessions under the digest of what they were compiled from.
///
/// The directory belongs to whoever runs the supervisor, and so does every file in it; a file that does not is an
/// error, not a miss. The name binds specification, compiler version and architecture, the trailer binds the bytes.
package struct FilterCache: Sendable {
    private let paths: HostPaths
    /// Bumped when ``FilterCompiler`` changes what it makes of the same specification.
    private static let compilerVersion = 2

    package init(_ paths: HostPaths) { self.paths = paths }

    package func filter(for specification: FilterSpecification) throws(SystemError) -> CompiledFilter {
        try cached(specification.identity) { () throws(SystemError) in try FilterCompiler.compile(specification) }
    }

    /// The filter of a program of our own, see ``FilterCompiler/compile(program:allowed:answered:ioctlRequests:otherwise:)``.
    package func filter(
        program: String, allowed: [String], answered: [(name: String, errno: Int32)] = [],
        ioctlRequests: [UInt64] = [], otherwise: Int32? = nil
    ) throws(SystemError) -> CompiledFilter {
        let text =
            ([program] + allowed + answered.map { "\($0.name)=\($0.errno)" } + ioctlRequests.map { String($0) }
            + (otherwise.map { ["otherwise=\($0)"] } ?? [])).joined(separator: " ")
        return try cached(text) { () throws(SystemError) in
            try FilterCompiler.compile(
                program: program, allowed: allowed, answered: answered, ioctlRequests: ioctlRequests,
                otherwise: otherwise)
        }
    }

    private func cached(_ text: String, _ compile: () throws(SystemError) -> CompiledFilter) throws(SystemError)
        -> CompiledFilter
    {
        let digest = Digest.sha256(Array(text.utf8))
        let name = "filter-\(Self.compilerVersion)-\(digest)"
        let directory = try Directory.open(paths.runtime)
        let known = try directory.readCache(name, what: "compiled filter") { body in
            body.count > 8 && (body.count - 1) % 8 == 0
        }
        let body: [UInt8]
        if let known {
            body = known
        } else {
            let compiled = try compile()
            body = [compiled.notifies ? 1 : 0] + compiled.program
            try directory.writeCache(name, body)
        }
        return CompiledFilter(program: Array(body.dropFirst()), notifies: body[0] == 1, specificationDigest: digest)
    }
}
