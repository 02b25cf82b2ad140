// SPDX-License-Identifier: Apache-2.0
internal import Delivery
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import Workspace

/// The step that speaks with a forge: everything that it reads there is written by third parties.
extension StepProcess {
    private static let forgeAnswer: Int32 = 3
    private static let forgeCredential: Int32 = 4
    private static let forgeAuthorities: Int32 = 5
    private static let longestOrder = 16 << 20
    private static let longestCredential = 64 << 10

    /// Does the call on standard input with the credential on descriptor 4, and writes its answer to 3.
    ///
    /// Its report has a line for each call that was sent.
    func forge(_ report: inout StepReport) throws {
        try Confinement(readable: Self.namesAndCertificates, isNetworked: true, identity: try identity()).enter()
        let bytes = try Descriptor(owning: 0).readAll(limit: Self.longestOrder, subject: "the order of step-forge")
        let order = try JSONParser.parse(bytes)
        guard let repository = order["repository"]?.stringValue, let call = order["call"],
            let hasAuthorities = order["authorities"]?.boolValue
        else { throw TaskFailure(message: "the order of step-forge is none") }
        var secret = try Descriptor(owning: Self.forgeCredential).readAll(
            limit: Self.longestCredential, subject: "the credential")
        let credential = Secret(copying: secret)
        secret.withUnsafeMutableBytes { room in if let start = room.baseAddress { explicit_bzero(start, room.count) } }
        let uses = ForgeUses()
        let answer = RelayedForge.answer { () throws(ForgeError) in
            let address = try GitHubAddress(repository: repository, server: order["server"]?.stringValue)
            let client = try GitHubClient(
                address, credential: credential,
                authorities: hasAuthorities ? "/proc/self/fd/\(Self.forgeAuthorities)" : nil, uses: uses)
            return try ForgeCall(JSONWriter().write(call)).perform(client)
        }
        for use in uses.all { report.add("use", use.text) }
        guard answer.withUnsafeBytes({ Self.write($0, to: Self.forgeAnswer) }) else {
            throw TaskFailure(message: "cannot write the answer of a forge")
        }
    }

    /// What the C library's name service and TLS read.
    private static var namesAndCertificates: [String] {
        var places: [String] = ["/etc", "/usr", "/lib", "/lib64"].filter { path in access(path, F_OK) == 0 }
        if let real = realpath("/etc/resolv.conf", nil) {
            let path = String(cString: real)
            free(real)
            if let slash = path.lastIndex(of: "/"), slash != path.startIndex { places.append(String(path[..<slash])) }
        }
        return places
    }
}
