// SPDX-License-Identifier: Apache-2.0
internal import Glibc

// The two functions that libFuzzer calls. One program holds all targets, so that the library under test is built once;
// SALLYPORT_FUZZ names the target of a run.

/// A reader under test, and what must hold for every input.
enum Target: String {
    case dns, clienthello, httphead, httpbody, profile, wire, taskmodel, bundle, left, secrets, gitpush, gitrequest
    case gitbody, modelrequest, modelstream, forgerequest, packages
    case blueprint, stepoutput, screening

    static let chosen: Target = {
        let name = getenv("SALLYPORT_FUZZ").map { String(cString: $0) } ?? ""
        guard let target = Target(rawValue: name) else {
            stop("cannot fuzz \"\(name)\": SALLYPORT_FUZZ names no target. See Fuzz/Entry.swift.")
        }
        return target
    }()

    func run(_ input: [UInt8]) {
        switch self {
        case .dns: fuzzDNS(input)
        case .clienthello: fuzzClientHello(input)
        case .httphead: fuzzHead(input)
        case .httpbody: fuzzBody(input)
        case .profile: fuzzProfile(input)
        case .wire: fuzzWire(input)
        case .left: fuzzLeft(input)
        case .secrets: fuzzSecrets(input)
        case .taskmodel: fuzzTaskModel(input)
        case .bundle: fuzzBundle(input)
        case .gitpush: fuzzPush(input)
        case .gitrequest: fuzzGitRequest(input)
        case .gitbody: fuzzGitBody(input)
        case .modelrequest: fuzzModelRequest(input)
        case .modelstream: fuzzModelStream(input)
        case .forgerequest: fuzzForgeRequest(input)
        case .packages: fuzzPackages(input)
        case .blueprint: fuzzBlueprint(input)
        case .stepoutput: fuzzStepOutput(input)
        case .screening: fuzzScreening(input)
        }
    }
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    Target.chosen.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
    return 0
}

/// Ends the run as a finding.
func hold(_ condition: @autoclosure () -> Bool, _ claim: @autoclosure () -> String) {
    if !condition() { stop("does not hold: \(claim())") }
}

func stop(_ message: String) -> Never {
    let line = Array((message + "\n").utf8)
    _ = write(STDERR_FILENO, line, line.count)
    abort()
}

/// The ways in which one input arrives: whole, byte by byte, and in two pieces cut at a place that the input chooses.
func arrivals(_ input: [UInt8]) -> [[[UInt8]]] {
    let cut = input.isEmpty ? 0 : input.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xffff } % (input.count + 1)
    var ways = [[input], [Array(input[..<cut]), Array(input[cut...])]]
    // A long input byte by byte would only repeat what shorter ones show.
    if input.count <= 4096 { ways.append(input.map { [$0] }) }
    return ways
}

/// Splits an input in two at its first byte, for targets with a choice to make.
func headAndRest(_ input: [UInt8]) -> (UInt8, [UInt8]) { (input.first ?? 0, Array(input.dropFirst())) }
