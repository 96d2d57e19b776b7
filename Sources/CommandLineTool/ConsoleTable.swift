/// A table of text for the terminal: columns as wide as their widest cell, two spaces apart.
struct ConsoleTable {
    enum Alignment: Sendable { case left, right }

    private let headers: [String]
    private let alignments: [Alignment]
    private var rows: [[String]] = []

    /// A table with the given columns.
    init(_ columns: [(header: String, alignment: Alignment)]) {
        headers = columns.map(\.header)
        alignments = columns.map(\.alignment)
    }

    /// Appends a row; missing cells are empty.
    mutating func append(_ cells: [String]) {
        rows.append((0..<headers.count).map { $0 < cells.count ? Self.cell(cells[$0]) : "" })
    }

    /// A cell as it will be printed, so that columns stay aligned; names from files are cut at 200 characters.
    private static func cell(_ text: String) -> String {
        let shown = Console.escaped(text)
        return shown.count > 200 ? shown.prefix(200) + "…" : shown
    }

    var isEmpty: Bool { rows.isEmpty }

    /// The lines of the table, header first. A line longer than `limit` is cut with an ellipsis.
    func lines(limit: Int = .max) -> [String] {
        let widths = headers.indices.map { column in
            rows.reduce(headers[column].count) { max($0, $1[column].count) }
        }
        func line(_ cells: [String]) -> String {
            var text = ""
            for (column, cell) in cells.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                text += column == 0 ? "" : "  "
                text += alignments[column] == .right ? padding + cell : cell + padding
            }
            while text.last == " " { text.removeLast() }
            return text.count > limit ? text.prefix(max(0, limit - 1)) + "…" : text
        }
        return [Ink.bold(line(headers))] + rows.map(line)
    }

    /// Prints the table to standard output.
    func show() { for line in lines() { Console.say(line) } }
}
