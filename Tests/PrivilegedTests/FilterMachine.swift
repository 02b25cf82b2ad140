// SPDX-License-Identifier: Apache-2.0

/// A seccomp filter as the kernel holds it, run in a machine of our own: the verdict for calls that nobody makes.
///
/// Classic BPF over `struct seccomp_data`: number, architecture, instruction pointer, six arguments. seccomp(2)
struct FilterMachine: Sendable {
    struct Instruction: Sendable {
        let code: UInt32
        let jumpTrue: Int
        let jumpFalse: Int
        let k: UInt32
    }

    enum Verdict: Equatable, Sendable {
        case allow
        case errno(UInt32)
        case notify
        case killThread
        case killProcess
        case other(UInt32)

        init(_ value: UInt32) {
            self =
                switch value & 0xffff_0000 {
                case 0x7fff_0000: .allow
                case 0x0005_0000: .errno(value & 0xffff)
                case 0x7fc0_0000: .notify
                case 0x0000_0000: .killThread
                case 0x8000_0000: .killProcess
                default: .other(value)
                }
        }

        /// The kernel takes the smallest action of all filters, compared as signed numbers. kernel/seccomp.c
        var rank: Int32 {
            switch self {
            case .killProcess: Int32.min
            case .killThread: 0
            case .errno: 0x0005_0000
            case .notify: 0x7fc0_0000
            case .allow: 0x7fff_0000
            case .other(let value): Int32(bitPattern: value & 0xffff_0000)
            }
        }
    }

    static let native: UInt32 = 0xc000_003e
    static let i386: UInt32 = 0x4000_0003
    static let aarch64: UInt32 = 0xc000_00b7

    let filters: [[Instruction]]

    /// Reads the output of `sp-probe filter`; nil when it is none.
    init?(_ lines: [String]) {
        var found: [[Instruction]] = []
        for line in lines {
            let fields = line.split(separator: "\t")
            if fields.first == "filter" {
                found.append([])
            } else {
                let numbers = fields.compactMap { UInt32($0) }
                guard numbers.count == 4, !found.isEmpty else { return nil }
                found[found.count - 1].append(
                    Instruction(code: numbers[0], jumpTrue: Int(numbers[1]), jumpFalse: Int(numbers[2]), k: numbers[3]))
            }
        }
        guard !found.isEmpty, found.allSatisfy({ !$0.isEmpty }) else { return nil }
        filters = found
    }

    /// What the kernel would do with a call; nil when a filter does something this machine does not know.
    func verdict(_ number: UInt32, architecture: UInt32 = native, _ arguments: [UInt64] = []) -> Verdict? {
        var data = [number, architecture, 0, 0]
        for index in 0..<6 {
            let value = index < arguments.count ? arguments[index] : 0
            data += [UInt32(truncatingIfNeeded: value), UInt32(truncatingIfNeeded: value >> 32)]
        }
        var strictest: Verdict?
        for filter in filters {
            guard let one = Self.run(filter, data) else { return nil }
            if strictest.map({ one.rank < $0.rank }) ?? true { strictest = one }
        }
        return strictest
    }

    private static func run(_ code: [Instruction], _ data: [UInt32]) -> Verdict? {
        var accumulator: UInt32 = 0
        var at = 0
        while at < code.count {
            let i = code[at]
            at += 1
            switch i.code {
            case 0x20:  // load a word at an offset
                guard i.k % 4 == 0, Int(i.k / 4) < data.count else { return nil }
                accumulator = data[Int(i.k / 4)]
            case 0x54: accumulator &= i.k
            case 0x05: at += Int(i.k)
            case 0x15: at += accumulator == i.k ? i.jumpTrue : i.jumpFalse
            case 0x25: at += accumulator > i.k ? i.jumpTrue : i.jumpFalse
            case 0x35: at += accumulator >= i.k ? i.jumpTrue : i.jumpFalse
            case 0x45: at += accumulator & i.k != 0 ? i.jumpTrue : i.jumpFalse
            case 0x06: return Verdict(i.k)
            default: return nil
            }
        }
        return nil
    }
}
