// Standard output, standard error, and whether they may be decorated.

import Foundation

/// The terminal. Results go to standard output, everything else to standard error.
enum Console {
    /// Prints a line of the result.
    static func say(_ line: String = "") { write(line + "\n", to: STDOUT_FILENO) }

    /// Prints a line that is not part of the result: warnings, errors, progress.
    static func warn(_ line: String) { write(line + "\n", to: STDERR_FILENO) }

    /// Writes without a line break to standard error.
    static func writeError(_ text: String) { write(text, to: STDERR_FILENO) }

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

    private static var allowsColor: Bool { environment("NO_COLOR") == nil && environment("TERM") != "dumb" }

    /// The value of an environment variable, `nil` when unset or empty.
    static func environment(_ name: String) -> String? {
        ProcessInfo.processInfo.environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    private static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

    private static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let written = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0 {
                if errno == EINTR { continue }
                return  // a closed pipe: nobody is reading
            }
            bytes = bytes.dropFirst(written)
        }
    }
}

/// Colors of a terminal; plain text when output is not one.
enum Ink: String {
    case bold = "1"
    case dim = "2"
    case red = "31"
    case green = "32"
    case yellow = "33"

    func callAsFunction(_ text: String) -> String {
        Console.colorsOutput ? "\u{1b}[\(rawValue)m\(text)\u{1b}[0m" : text
    }
}
