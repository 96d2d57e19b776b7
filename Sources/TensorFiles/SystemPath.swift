// Names of files as text.
//
// To the system a name is bytes, to Swift text is UTF-8, and almost all names are both. A byte that is no part of UTF-8 is one code point
// here, U+10FF00 + byte: 0x80…0xFF are U+10FF80…U+10FFFF. Those are the last of all code points: private use that nobody assigns (and two
// that are no characters), where the lone surrogates that Python takes (PEP 383) are nothing that a String can hold. A name that does hold one
// of them has its four bytes taken one by one, so that
//     bytes(of: text(of: b)) = b   for all bytes b                                                        (1)

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The text of a file's name, whatever its bytes, and the bytes of that text.
///
/// Every path that this package takes or gives is such a text: one that is UTF-8 is itself, and needs nothing of this.
///
/// ```swift
/// let name = SystemPath.text(of: [0x63, 0x61, 0x66, 0xe9])   // as Latin-1 spells café
/// SystemPath.bytes(of: name)                                 // the same four bytes
/// SystemPath.shown(name)                                     // caf\xe9
/// ```
public enum SystemPath {
    private static let reserved: ClosedRange<UInt32> = 0x10ff80...0x10ffff
    private static let offset: UInt32 = 0x10ff00

    /// The text that stands for the bytes of a path. O(bytes).
    public static func text(of bytes: some Collection<UInt8>) -> String {
        var scalars = String.UnicodeScalarView()
        func escape(_ byte: UInt8) { scalars.append(Unicode.Scalar(offset + UInt32(byte))!) }
        var parser = Unicode.UTF8.ForwardParser()
        var iterator = bytes.makeIterator()
        var rest = bytes[...]
        while true {
            switch parser.parseScalar(from: &iterator) {
            case .emptyInput: return String(scalars)
            case .error(let length):
                for byte in rest.prefix(length) { escape(byte) }
                rest = rest.dropFirst(length)
            case .valid(let units):
                let scalar = Unicode.UTF8.decode(units)
                if reserved.contains(scalar.value) { for byte in units { escape(byte) } } else { scalars.append(scalar) }
                rest = rest.dropFirst(units.count)
            }
        }
    }

    /// The bytes that a path is to the system. O(bytes).
    public static func bytes(of path: String) -> [UInt8] {
        // All of them begin with this byte, as do few other characters.
        guard path.utf8.contains(0xf4) else { return Array(path.utf8) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(path.utf8.count)
        for scalar in path.unicodeScalars {
            if let byte = byte(of: scalar) { bytes.append(byte) } else { bytes += Array(String(scalar).utf8) }
        }
        return bytes
    }

    /// The path for people: bytes that are no part of UTF-8 as `\xe9`.
    public static func shown(_ path: String) -> String {
        guard path.utf8.contains(0xf4) else { return path }
        var text = ""
        for scalar in path.unicodeScalars {
            if let byte = byte(of: scalar) { text += "\\x" + String(byte, radix: 16) } else { text.unicodeScalars.append(scalar) }
        }
        return text
    }

    /// The path of a name that is text already, such as one that a file holds.
    package static func path(named name: String) -> String { name.utf8.contains(0xf4) ? text(of: name.utf8) : name }

    /// The byte that a character stands for; nil for all others.
    package static func byte(of scalar: Unicode.Scalar) -> UInt8? {
        reserved.contains(scalar.value) ? UInt8(scalar.value - offset) : nil
    }

    /// Lends the path to a call of the system. One with a zero byte, which names no file, is lent as the empty one, which names none either.
    package static func withCString<Result>(_ path: String, _ body: (UnsafePointer<CChar>) throws -> Result) rethrows -> Result {
        if path.utf8.contains(0) { return try "".withCString(body) }
        guard path.utf8.contains(0xf4) else { return try path.withCString(body) }
        return try (bytes(of: path) + [0]).withUnsafeBufferPointer { units in
            try units.withMemoryRebound(to: CChar.self) { try body($0.baseAddress!) }
        }
    }

    /// The path that a call of the system gave.
    package static func text(ofCString pointer: UnsafePointer<CChar>) -> String {
        pointer.withMemoryRebound(to: UInt8.self, capacity: strlen(pointer) + 1) {
            text(of: UnsafeBufferPointer(start: $0, count: strlen(pointer)))
        }
    }

    /// The value of an environment variable, which may be a path; nil when unset.
    package static func environment(_ name: String) -> String? { getenv(name).map { text(ofCString: $0) } }

    // MARK: Parts

    /// The last component.
    package static func lastComponent(of path: String) -> String {
        path.utf8.split(separator: UInt8(ascii: "/")).last.flatMap { String($0) } ?? path
    }

    /// What lies before the last component: "." where that is all.
    package static func folder(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == path.utf8.startIndex ? "/" : String(path[..<slash])
    }

    /// The last component without its ending.
    package static func stem(of path: String) -> String {
        let name = lastComponent(of: path)
        return dot(in: name).map { String(name[..<$0]) } ?? name
    }

    /// The ending of a path in lower case, without the dot; empty where there is none.
    package static func ending(of path: String) -> String {
        let name = lastComponent(of: path)
        return dot(in: name).map { String(name[name.utf8.index(after: $0)...]).lowercased() } ?? ""
    }

    private static func dot(in name: String) -> String.Index? {
        name.utf8.lastIndex(of: UInt8(ascii: ".")).flatMap { $0 == name.utf8.startIndex ? nil : $0 }
    }
}
