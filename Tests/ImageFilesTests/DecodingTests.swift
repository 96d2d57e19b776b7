import Foundation
import ImageFiles
import Testing

@Suite struct DecodingTests {
    /// 11 × 7 pixels (23x, 36y, 5xy), written by Pillow.
    static let png = base64(
        "iVBORw0KGgoAAAANSUhEUgAAAAsAAAAHCAIAAABRDCAKAAAAL0lEQVR4nGNkYGAQx4tYGFQYGBhY8SC4Ci5cCFkFP1aEpkIEE2GqkERDWFXIISMAMYUFQ4MLCqUAAAAASUVORK5CYII="
    )
    /// The same in 16 colors of a palette.
    static let palette = base64(
        "iVBORw0KGgoAAAANSUhEUgAAAAsAAAAHBAMAAAAsQKpuAAAAMFBMVEXBwuHHzE5/xpetkJatbHFFxlMMxg4ukCgubB7ESFXEJCt/NimtAABFNhcMNgQuAAAvWhuuAAAAPElEQVR4nAExAM7/Af8A/dAA9ATv7/7u8PYEAAAA/+/3BJoAA7kA7ATfEN3vANAE//7+794ABADgAP4BD5AbGPJogHzbAAAAAElFTkSuQmCC"
    )
    /// The same as JPEG, quality 90.
    static let jpeg = base64(
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYUGBIUFRT/2wBDAQMEBAUEBQkFBQkUDQsNFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBT/wAARCAAHAAsDAREAAhEBAxEB/8QAFAABAAAAAAAAAAAAAAAAAAAAB//EACEQAAEDAwQDAAAAAAAAAAAAAAIBAwQACBEFByFBEhMx/8QAFwEAAwEAAAAAAAAAAAAAAAAAAAYHCP/EAB8RAAEEAQUBAAAAAAAAAAAAAAECAwQRAAUGBxJBIf/aAAwDAQACEQMRAD8AOtr7PIsv05aZ5x2lT7Spp1iu3uK20eRXG+v04/wrP9EbjABqwJjkSTx+Ki89UP6ptOM6tiRKAcQSlQ6OGik0RYQQaI8NZrGHyJMMdBF1Wf/Z"
    )

    static func base64(_ text: String) -> [UInt8] { Array(Data(base64Encoded: text)!) }

    static let exact: [UInt8] = {
        var samples: [UInt8] = []
        for y in 0..<7 {
            for x in 0..<11 {
                let green = y * 36, blue = x * y * 5 % 256
                samples += [UInt8(x * 23), UInt8(green), UInt8(blue)]
            }
        }
        return samples
    }()

    @Test func pngIsExact() throws {
        let image = try PixelImage(decoding: Self.png)
        #expect(image == PixelImage(width: 11, height: 7, channels: 3, samples: Self.exact))
    }

    @Test func palettesAreLookedUp() throws {
        let image = try PixelImage(decoding: Self.palette)
        #expect(image.width == 11 && image.height == 7 && image.channels == 3)
        #expect(Array(image.samples.prefix(18)) == [46, 0, 0, 46, 0, 0, 46, 0, 0, 46, 0, 0, 46, 0, 0, 173, 0, 0])
        #expect(Array(image.samples.suffix(6)) == [199, 204, 78, 199, 204, 78])
    }

    @Test func jpegIsThatOfTheCommonDecoder() throws {
        let image = try PixelImage(decoding: Self.jpeg)
        #expect(image.width == 11 && image.height == 7 && image.channels == 3)
        #expect(Array(image.samples.prefix(12)) == [1, 0, 0, 22, 3, 0, 45, 2, 0, 68, 0, 0])
        #expect(Array(image.samples.suffix(6)) == [196, 215, 45, 225, 219, 37])
        let largest = zip(image.samples, Self.exact).map { abs(Int($0) - Int($1)) }.max()
        #expect(largest! < 160 && largest! > 0)
    }

    @Test(arguments: [png, palette, jpeg])
    func damagedFilesThrowAndNeverTrap(_ bytes: [UInt8]) {
        for count in 0..<bytes.count { #expect(throws: ImageFileError.self) { try PixelImage(decoding: Array(bytes[..<count])) } }
        for at in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[at] ^= 1 << UInt8(bit)
                // Sizes that were flipped upwards must not cost memory.
                do {
                    let image = try PixelImage(decoding: changed, pixelLimit: 1 << 16)
                    #expect(image.width * image.height <= 1 << 16)
                } catch { #expect(!error.description.contains("\n")) }
            }
        }
    }

    @Test func sizesBeyondTheLimitAreRefused() {
        #expect(throws: ImageFileError.self) { try PixelImage(decoding: Self.png, pixelLimit: 76) }
        #expect(throws: ImageFileError.self) { try PixelImage(decoding: Self.jpeg, pixelLimit: 76) }
    }

    @Test func otherFilesAreNamedAsSuch() {
        for bytes in [[], Array("GIF89a".utf8), [0xff, 0xd8]] {
            #expect(throws: ImageFileError.unrecognizedFormat(byteCount: bytes.count)) { try PixelImage(decoding: bytes) }
        }
    }
}
