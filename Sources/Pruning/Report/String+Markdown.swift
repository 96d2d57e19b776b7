extension String {
    /// The text as a cell of a table in Markdown: in one line, and without a bar that would end the cell.
    package var markdownCell: String {
        split(whereSeparator: \.isNewline).joined(separator: " ").replacing("|", with: "\\|")
    }
}
