// SPDX-License-Identifier: Apache-2.0
internal import Wire

/// Messages between our own processes; the first byte of the input chooses the reader.
func fuzzWire(_ input: [UInt8]) {
    let (choice, bytes) = headAndRest(input)
    if choice >= 0xFC && choice < 0xFE { return fuzzForge(bytes, isReport: choice == 0xFC) }
    if choice >= 0xFE { return fuzzBroker(bytes, isReport: choice == 0xFE) }
    switch choice % 3 {
    case 0:
        let descriptors = Int(choice / 3 % 6)
        do throws(MessageError) {
            let command = try GatewayCommand(decoding: bytes, descriptors: descriptors)
            hold(command.encoded() == bytes, "a command has one encoding")
            hold(bytes.count <= GatewayCommand.longest, "a command fits its longest")
        } catch {
            hold(!error.description.isEmpty, "an error says why")
        }
    case 1:
        do throws(MessageError) {
            let report = try GatewayReport(decoding: bytes)
            hold(report.encoded() == bytes, "a report has one encoding")
            hold(bytes.count <= GatewayReport.longest, "a report fits its longest")
        } catch {
            hold(!error.description.isEmpty, "an error says why")
        }
    default: fuzzFrames(bytes)
    }
}

private func fuzzBroker(_ bytes: [UInt8], isReport: Bool) {
    do throws(MessageError) {
        if isReport {
            let report = try GitReport(decoding: bytes)
            hold(report.encoded() == bytes, "a broker's report has one encoding")
        } else {
            let command = try GitCommand(decoding: bytes, descriptors: 2)
            hold(command.encoded() == bytes, "a broker's command has one encoding")
        }
    } catch {
        hold(!error.description.isEmpty, "an error says why")
    }
}

private func fuzzForge(_ bytes: [UInt8], isReport: Bool) {
    do throws(MessageError) {
        if isReport {
            let report = try ForgeReport(decoding: bytes)
            hold(report.encoded() == bytes, "a forge broker's report has one encoding")
        } else {
            let command = try ForgeCommand(decoding: bytes, descriptors: 4)
            hold(command.encoded() == bytes, "a forge broker's command has one encoding")
        }
    } catch {
        hold(!error.description.isEmpty, "an error says why")
    }
}

private func fuzzFrames(_ bytes: [UInt8]) {
    let results = arrivals(bytes).map(frames)
    for result in results { hold(result == results[0], "frames do not depend on how the stream arrives") }
    for frame in results[0].frames {
        do throws(FrameError) {
            let again = frames([try frame.encoded()])
            hold(again.frames == [frame] && again.error == nil, "a frame is read again as itself")
        } catch {
            // Escapes that the client need not have used can make the encoding longer than the limit.
            guard case .length = error else { stop("does not hold: \(error.reason) on a frame that was accepted") }
        }
        let line = ClaimLine.accepted(frame, sequence: 0, receivedMilliseconds: 0)
        hold(line.last == 10 && line.dropLast().allSatisfy { (0x20...0x7e).contains($0) }, "one line of ASCII a frame")
    }
}

private struct Frames: Equatable {
    var frames: [Frame] = []
    var error: FrameError?
}

private func frames(_ pieces: [[UInt8]]) -> Frames {
    var decoder = FrameDecoder()
    var result = Frames()
    do throws(FrameError) {
        for piece in pieces {
            try decoder.take(piece) { result.frames.append($0) }
            hold(decoder.pendingBytes <= 65_540, "an unfinished frame is bounded")
        }
    } catch {
        result.error = error
    }
    return result
}
