// Tables of numbers as text: .csv and its relatives, and columns between blanks.
//
// A reader of our own rather than a library: what is wanted of text is one shape of it, rows of numbers, at a hundred megabytes a
// second and without a string for every field, and whatever else a file holds must end in one line that says where.

/// Rows of numbers, separated by commas, semicolons or tabs, or by blanks.
///
///     let columns = try TextTable.read(bytes) { numbers in … }     // numbers of whole rows, in order
///
/// The first row that is not empty decides what separates: a comma, otherwise a semicolon, a tab, or runs of blanks (in the rows
/// below, of tabs too). When none of its fields is a number it is a header, and skipped. Empty lines and lines that begin with # are
/// skipped. Fields may be quoted.
/// Numbers are those of C in decimal, with nan and inf; they are rounded to the nearest Double.
public enum TextTable {
    private static let (newline, carriageReturn, tab, blank, hash, quote) = (
        UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"), UInt8(ascii: " "), UInt8(ascii: "#"), UInt8(ascii: "\"")
    )
    /// Numbers handed over at a time, at least.
    private static let chunk = 1 << 16

    /// Reads a table.
    /// - Parameters:
    ///   - bytes: the text, UTF-8 with or without a byte order mark.
    ///   - body: gets the numbers of one or more whole rows.
    /// - Returns: numbers per row.
    /// - Throws: `malformed` with line and column, for fields that are not numbers, rows of other lengths, and texts without a row;
    ///   and what `body` throws.
    public static func read(
        _ bytes: UnsafeRawBufferPointer, _ body: (UnsafeBufferPointer<Double>) throws(TensorFileError) -> Void
    ) throws(TensorFileError) -> Int {
        var (position, line, columns) = (bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0, 0, 0)
        var separator: UInt8?
        var isFirst = true
        var numbers: [Double] = []
        while position < bytes.count {
            var end = position
            while end < bytes.count, bytes[end] != newline { end += 1 }
            var row = UnsafeRawBufferPointer(rebasing: bytes[position..<end])
            (position, line) = (end + 1, line + 1)
            if row.last == carriageReturn { row = UnsafeRawBufferPointer(rebasing: row.dropLast()) }
            guard let start = row.first(where: { $0 != blank && $0 != tab }), start != hash else { continue }
            if isFirst { separator = [UInt8(ascii: ","), UInt8(ascii: ";"), tab].first { row.contains($0) } }
            let before = numbers.count
            var wrong: (column: Int, field: UnsafeRawBufferPointer)?
            var isHeader = isFirst
            var column = 0
            split(row, separator) { field in
                column += 1
                if let value = number(field) {
                    numbers.append(value)
                    isHeader = false
                } else if wrong == nil {
                    wrong = (column, field)
                }
            }
            defer { isFirst = false }
            if isHeader {
                columns = column
                continue
            }
            if let wrong {
                let found = wrong.field.isEmpty ? "nothing" : quoted(String(decoding: wrong.field.prefix(40), as: UTF8.self))
                throw .malformed(
                    format: .text, expected: "a number", found: "\(found) in line \(line), column \(wrong.column)")
            }
            if columns == 0 { columns = column }
            guard column == columns, numbers.count - before == columns else {
                throw .malformed(
                    format: .text, expected: "\(columns) columns as in the lines above", found: "\(column) in line \(line)")
            }
            if numbers.count >= chunk {
                try numbers.withUnsafeBufferPointer { (buffer) throws(TensorFileError) in try body(buffer) }
                numbers.removeAll(keepingCapacity: true)
            }
        }
        try numbers.withUnsafeBufferPointer { (buffer) throws(TensorFileError) in if !buffer.isEmpty { try body(buffer) } }
        guard columns > 0 else { throw .malformed(format: .text, expected: "rows of numbers", found: "none") }
        return columns
    }

    /// The fields of a row, without blanks and quotes around them.
    private static func split(_ row: UnsafeRawBufferPointer, _ separator: UInt8?, _ body: (UnsafeRawBufferPointer) -> Void) {
        var start = 0
        if let separator {
            while start <= row.count {
                var end = start
                while end < row.count, row[end] != separator { end += 1 }
                body(trimmed(UnsafeRawBufferPointer(rebasing: row[start..<end])))
                start = end + 1
            }
            return
        }
        while true {
            while start < row.count, row[start] == blank || row[start] == tab { start += 1 }
            guard start < row.count else { return }
            var end = start
            while end < row.count, row[end] != blank, row[end] != tab { end += 1 }
            body(trimmed(UnsafeRawBufferPointer(rebasing: row[start..<end])))
            start = end
        }
    }

    private static func trimmed(_ field: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        var (low, high) = (0, field.count)
        while low < high, field[low] == blank || field[low] == tab { low += 1 }
        while high > low, field[high - 1] == blank || field[high - 1] == tab { high -= 1 }
        if high - low >= 2, field[low] == quote, field[high - 1] == quote { (low, high) = (low + 1, high - 1) }
        return UnsafeRawBufferPointer(rebasing: field[low..<high])
    }

    /// The number that a field spells, nil when it spells something else.
    static func number(_ field: UnsafeRawBufferPointer) -> Double? {
        guard let first = field.first else { return nil }
        var (index, mantissa, digits, scale) = (0, UInt64(0), 0, 0)
        let isNegative = first == UInt8(ascii: "-")
        if isNegative || first == UInt8(ascii: "+") { index = 1 }
        var hasPoint = false
        while index < field.count {
            let byte = field[index]
            if byte == UInt8(ascii: "."), !hasPoint {
                hasPoint = true
            } else if byte >= 48, byte <= 57 {
                guard digits < 18 else { return spelled(field) }
                mantissa = mantissa * 10 + UInt64(byte - 48)
                digits += 1
                if hasPoint { scale -= 1 }
            } else {
                break
            }
            index += 1
        }
        guard digits > 0 else { return spelled(field) }
        if index < field.count {
            guard field[index] | 0x20 == UInt8(ascii: "e") else { return spelled(field) }
            index += 1
            guard index < field.count else { return nil }
            let isDown = field[index] == UInt8(ascii: "-")
            if isDown || field[index] == UInt8(ascii: "+") { index += 1 }
            guard index < field.count, field.count - index <= 4 else { return spelled(field) }
            var exponent = 0
            while index < field.count {
                guard field[index] >= 48, field[index] <= 57 else { return nil }
                exponent = exponent * 10 + Int(field[index] - 48)
                index += 1
            }
            scale += isDown ? -exponent : exponent
        }
        // Whole numbers up to 2⁵³ and powers of ten up to 10²² are Doubles, so that one operation rounds once (Clinger 1990).
        guard mantissa <= 1 << 53, scale.magnitude <= 22 else { return spelled(field) }
        let magnitude = scale < 0 ? Double(mantissa) / powersOfTen[-scale] : Double(mantissa) * powersOfTen[scale]
        return isNegative ? -magnitude : magnitude
    }

    private static let powersOfTen: [Double] = (0...22).map { exponent in (0..<exponent).reduce(1.0) { power, _ in power * 10 } }

    /// What Double reads of a field, hexadecimal numbers aside.
    private static func spelled(_ field: UnsafeRawBufferPointer) -> Double? {
        guard field.count <= 4096, !field.contains(where: { $0 | 0x20 == UInt8(ascii: "x") }) else { return nil }
        return Double(String(decoding: field, as: UTF8.self))
    }
}
