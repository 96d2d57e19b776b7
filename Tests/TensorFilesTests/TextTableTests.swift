import Foundation
import TensorFiles
import Testing

@Suite struct TextTableTests {
    private static func read(_ text: String) throws -> (columns: Int, numbers: [Double]) {
        var numbers: [Double] = []
        let columns = try Array(text.utf8).withUnsafeBytes { bytes throws(TensorFileError) in
            try TextTable.read(bytes) { numbers += $0 }
        }
        return (columns, numbers)
    }

    @Test(arguments: [
        "1,2.5,-3e-4\n4,5,6\n", "1, 2.5 ,-3e-4\r\n\r\n4,5,6", "x,y,z\n1,2.5,-3e-4\n4,5,6\n",
        "\"x\",\"y\",\"z\"\n\"1\",\"2.5\",\"-3e-4\"\n4,5,6",
        "1 2.5\u{20} -3e-4\n   4 5 6 \n", "# a comment\n\n1\t2.5\t-3e-4\n# another\n4\t5\t6", "1;2.5;-0.3e-3\n4;5;6",
        "\u{FEFF}1,2.5,-.0003\n4.,5,6",
        "1 2.5 -3e-4\n 4\t5 \t6\t\n", ",y,\n1,2.5,-3E-4\n+4,5,6",
    ])
    func dialects(_ text: String) throws {
        let table = try Self.read(text)
        #expect(table.columns == 3 && table.numbers == [1, 2.5, -3e-4, 4, 5, 6], "\(text)")
    }

    /// Every spelling is rounded as the language rounds its own literals.
    @Test func numbersAreRoundedToTheNearest() throws {
        let spellings = [
            "0.1", "1e23", "9007199254740993", "123456789012345678901234567890", "4.9e-324", "2.2250738585072011e-308", "1e-400", "-0.0",
            "1.7976931348623157e308", "0.000000000000000000000000123456789", "8.5e22", "179e-22", "3.14159265358979323846", "1e0022",
        ]
        let table = try Self.read(spellings.joined(separator: "\n"))
        for (value, spelling) in zip(table.numbers, spellings) {
            #expect(value.bitPattern == Double(spelling)?.bitPattern, "\(spelling)")
        }
        #expect(try Self.read("nan,inf,-Infinity").numbers.map(\.isFinite) == [false, false, false])
    }

    @Test(arguments: [
        ("", "rows of numbers"), ("# nothing\n\n", "rows of numbers"), ("1,2\n3,4,5\n", "line 2"), ("1,2\n3\n", "line 2"),
        ("1,2\n3,x\n", "'x' in line 2, column 2"), ("1,2\n3,\n", "nothing in line 2, column 2"), ("1,x\n3,4\n", "'x' in line 1, column 2"),
        ("a,b\n1,2,3\n", "line 2"), ("1 0x10\n", "'0x10'"), ("1 2e\n", "'2e'"), ("1 --2\n", "'--2'"), ("1\u{0}2\n3 4", "line 2"),
    ])
    func whatIsNoTableIsRefusedWithItsPlace(_ text: String, _ mentions: String) throws {
        #expect {
            _ = try Self.read(text)
        } throws: { error in
            let message = "\(error)"
            return message.contains(mentions) && !message.contains("\n")
        }
    }

    @Test func manyRowsArriveInOrder() throws {
        let text = (0..<50_000).map { "\($0) \(-$0)" }.joined(separator: "\n")
        let table = try Self.read(text)
        #expect(table.columns == 2 && table.numbers.count == 100_000)
        #expect((0..<50_000).allSatisfy { table.numbers[2 * $0] == Double($0) && table.numbers[2 * $0 + 1] == -Double($0) })
    }

    @Test func aSpoolKeepsWhatItIsGiven() throws {
        let spool = try SpoolFile()
        let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 9) }
        try bytes.withUnsafeBytes { all in
            for start in stride(from: 0, to: all.count, by: 700_001) {
                try spool.append(UnsafeRawBufferPointer(rebasing: all[start..<min(start + 700_001, all.count)]))
            }
        }
        let file = try MappedFile(path: try spool.flush())
        #expect(file.count == bytes.count && file.withUnsafeBytes { $0.elementsEqual(bytes) })
    }
}
