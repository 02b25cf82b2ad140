// SPDX-License-Identifier: Apache-2.0
import Glibc
import Isolation
import Testing

/// The directories of an operator of its own, left for the system to clean: they are small.
func temporaryPaths() throws -> HostPaths {
    var template = Array("/tmp/sallyport-test-XXXXXX".utf8CString)
    try #require(template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!) } != nil)
    let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    // Sessions have to pass through, which prepare() checks.
    try #require(chmod(path, 0o711) == 0)
    let paths = HostPaths(runtime: path + "/run", state: path + "/state")
    try paths.prepare()
    return paths
}
