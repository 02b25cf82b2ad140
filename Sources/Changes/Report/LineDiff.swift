// SPDX-License-Identifier: Apache-2.0

/// The shortest edit between two lists of lines, up to a bound on the work.
///
/// Greedy forward search over furthest-reaching paths: E. W. Myers, "An O(ND) Difference Algorithm and Its Variations",
/// Algorithmica 1986. Texts further apart than `maximumEdits` come out as one block replaced: right, but longer.
struct LineDiff {
    enum Step: Equatable {
        case keep(old: Int, new: Int)
        case remove(old: Int)
        case add(new: Int)
    }

    static let maximumEdits = 1000

    static func steps<Line: Equatable>(_ old: [Line], _ new: [Line], maximumEdits: Int = Self.maximumEdits) -> [Step] {
        var head = 0
        while head < old.count, head < new.count, old[head] == new[head] { head += 1 }
        var tail = 0
        while tail < old.count - head, tail < new.count - head, old[old.count - 1 - tail] == new[new.count - 1 - tail] {
            tail += 1
        }
        var steps: [Step] = (0..<head).map { .keep(old: $0, new: $0) }
        steps += middle(old, new, head..<(old.count - tail), head..<(new.count - tail), maximumEdits)
        steps += (0..<tail).reversed().map { .keep(old: old.count - 1 - $0, new: new.count - 1 - $0) }
        return steps
    }

    private static func middle<Line: Equatable>(
        _ old: [Line], _ new: [Line], _ olds: Range<Int>, _ news: Range<Int>, _ bound: Int
    ) -> [Step] {
        let n = olds.count
        let m = news.count
        guard n > 0, m > 0, let trace = search(old, new, olds, news, min(n + m, bound)) else {
            return olds.map { .remove(old: $0) } + news.map { .add(new: $0) }
        }
        // Walk back from the end along the paths that were kept for each number of edits.
        var steps: [Step] = []
        var x = n
        var y = m
        for d in stride(from: trace.count - 1, through: 1, by: -1) {
            let before = trace[d - 1]
            let k = x - y
            // Index 0 of a row stands for diagonal -(row number).
            func reach(_ diagonal: Int) -> Int {
                let at = diagonal + d - 1
                return before.indices.contains(at) ? Int(before[at]) : -1
            }
            let down = k == -d || (k != d && reach(k - 1) < reach(k + 1))
            let previousX = down ? reach(k + 1) : reach(k - 1)
            let previousY = previousX - (down ? k + 1 : k - 1)
            let startX = down ? previousX : previousX + 1
            while x > startX {
                x -= 1
                y -= 1
                steps.append(.keep(old: olds.lowerBound + x, new: news.lowerBound + y))
            }
            steps.append(down ? .add(new: news.lowerBound + previousY) : .remove(old: olds.lowerBound + previousX))
            x = previousX
            y = previousY
        }
        while x > 0 {
            x -= 1
            y -= 1
            steps.append(.keep(old: olds.lowerBound + x, new: news.lowerBound + y))
        }
        return steps.reversed()
    }

    /// For each number of edits, how far each diagonal reaches; nil when the bound is met first.
    private static func search<Line: Equatable>(
        _ old: [Line], _ new: [Line], _ olds: Range<Int>, _ news: Range<Int>, _ bound: Int
    ) -> [[Int32]]? {
        let n = olds.count
        let m = news.count
        var trace: [[Int32]] = []
        for d in 0...bound {
            var row = [Int32](repeating: -1, count: 2 * d + 1)
            for k in stride(from: -d, through: d, by: 2) {
                var x = 0
                if d > 0 {
                    let before = trace[d - 1]
                    func reach(_ diagonal: Int) -> Int {
                        let at = diagonal + d - 1
                        return before.indices.contains(at) ? Int(before[at]) : -1
                    }
                    x = k == -d || (k != d && reach(k - 1) < reach(k + 1)) ? reach(k + 1) : reach(k - 1) + 1
                }
                var y = x - k
                while x < n, y < m, x >= 0, y >= 0, old[olds.lowerBound + x] == new[news.lowerBound + y] {
                    x += 1
                    y += 1
                }
                row[k + d] = Int32(x)
                if x >= n && y >= m {
                    trace.append(row)
                    return trace
                }
            }
            trace.append(row)
        }
        return nil
    }
}
