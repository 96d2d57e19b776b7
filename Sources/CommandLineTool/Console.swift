// Standard output, standard error, and whether they may be decorated.

import Foundation
import Synchronization
import TensorFiles

/// The terminal. Results go to standard output, everything else to standard error.
///
/// What is printed may quote files, and files may hold anything: control characters are escaped here, for every verb.
enum Console {
    /// Prints a line of the result. A result that cannot be printed ends the process: nobody may take silence for success.
    static func say(_ line: String = "") {
        erase()
        if let code = write(decorated(escaped(line)) + "\n", to: STDOUT_FILENO) { unprintable(code) }
    }

    /// Prints text of our own that has lines, such as help.
    static func say(text: String) {
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) { say(String(line)) }
    }

    /// Prints JSON, whose own escapes keep it whole.
    static func say(json: String) {
        erase()
        if let code = write(jsonEscaped(json) + "\n", to: STDOUT_FILENO) { unprintable(code) }
    }

    /// Prints a line that is not part of the result: warnings, errors, progress.
    static func warn(_ line: String) {
        erase()
        _ = write(decorated(escaped(line)) + "\n", to: STDERR_FILENO)
    }

    // MARK: The line that is redrawn

    private struct RedrawnLine {
        var isVisible = false
        var isOver = false
    }

    private static let redrawn = Mutex(RedrawnLine())

    /// Shows `line`, as far as it fits, in the place of the one shown before. What is printed erases it first.
    static func redraw(_ line: String) {
        redrawn.withLock { state in
            guard !state.isOver else { return }
            state.isVisible = true
            _ = write("\r\u{1b}[2K" + escaped(line).prefix(max(10, columns - 1)), to: STDERR_FILENO)
        }
    }

    /// Erases the redrawn line.
    static func erase() {
        redrawn.withLock { state in
            if state.isVisible { _ = write("\r\u{1b}[2K", to: STDERR_FILENO) }
            state.isVisible = false
        }
    }

    /// Erases the redrawn line for good: the process ends.
    static func endRedrawing() {
        erase()
        redrawn.withLock { $0.isOver = true }
    }

    // MARK: Properties

    /// Whether standard output is a terminal that wants color (`NO_COLOR` is respected, see no-color.org).
    static let colorsOutput = isTerminal(STDOUT_FILENO) && allowsColor

    /// Whether standard error is a terminal that can redraw a line.
    static let redrawsError = isTerminal(STDERR_FILENO) && environment("TERM") != "dumb"

    /// Columns of the terminal, 80 when there is none.
    static var columns: Int {
        var size = winsize()
        for descriptor in [STDOUT_FILENO, STDERR_FILENO] where ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 {
            return Int(size.ws_col)
        }
        return 80
    }

    /// Opens something under descriptors 0 to 2 that whoever started us has closed, so that no file of ours gets such a number and no
    /// result is printed into it. Writing to what stands for a closed standard output fails as it would have.
    static func occupyClosedDescriptors() {
        for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(descriptor, F_GETFD) == -1 {
            _ = open("/dev/null", descriptor == STDERR_FILENO ? O_WRONLY : O_RDONLY)
        }
    }

    private static var allowsColor: Bool { environment("NO_COLOR") == nil && environment("TERM") != "dumb" }

    /// The value of an environment variable, `nil` when unset or empty.
    static func environment(_ name: String) -> String? { SystemPath.environment(name).flatMap { $0.isEmpty ? nil : $0 } }

    private static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

    // MARK: Escapes

    /// The text with control characters, direction overrides and the like spelled out: they could forge or hide what a terminal shows. Bytes of
    /// names that are no UTF-8 are spelled as such.
    static func escaped(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isUnprintable) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            if let byte = SystemPath.byte(of: scalar) {
                result += "\\x" + String(byte, radix: 16)
            } else if isUnprintable(scalar) {
                result += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// The same with escapes of JSON, for what its encoder leaves alone: such characters occur only inside of its strings.
    private static func jsonEscaped(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isUnprintable) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            // Line breaks are the encoder's own; those inside of strings are escapes already.
            guard isUnprintable(scalar), scalar != "\n" else { result.unicodeScalars.append(scalar); continue }
            for unit in String(scalar).utf16 {
                let digits = String(unit, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
        return result
    }

    private static func isUnprintable(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value >= 0x20 && scalar.value < 0x7f { return false }
        if SystemPath.byte(of: scalar) != nil { return true }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned: return true
        default: return false
        }
    }

    /// Turns the marks of `Ink` into what a terminal understands.
    private static func decorated(_ text: String) -> String {
        colorsOutput ? text.replacingOccurrences(of: Ink.mark, with: "\u{1b}[") : text
    }

    // MARK: Writing

    /// Ends the process after a failed write of a result.
    private static func unprintable(_ code: Int32) -> Never {
        // Nobody is reading: a pipe closed by its reader ends quietly, as the signal would have done it.
        if code == EPIPE { exit(128 + SIGPIPE) }
        warn("loewner: expected to print the result, found \(String(cString: strerror(code)).lowercased()) on standard output")
        exit(ExitStatus.failure.rawValue)
    }

    /// Writes all bytes; returns errno when that fails.
    private static func write(_ text: String, to descriptor: Int32) -> Int32? {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let written = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0 {
                if errno == EINTR { continue }
                return errno
            }
            bytes = bytes.dropFirst(written)
        }
        return nil
    }
}

/// Colors of a terminal; plain text when output is not one.
enum Ink: String {
    case bold = "1"
    case dim = "2"
    case red = "31"
    case green = "32"
    case yellow = "33"

    /// Stands for the start of a color sequence until `Console` writes it; drawn anew in every run, so that no file can hold it.
    fileprivate static let mark = "\u{f8e1}" + String(UInt64.random(in: 0...(.max)), radix: 36) + "\u{f8e1}"

    func callAsFunction(_ text: String) -> String {
        Console.colorsOutput ? "\(Self.mark)\(rawValue)m\(text)\(Self.mark)0m" : text
    }
}
