import ImageFiles
import Testing

/// Sizes and colors against Pillow 12, by a hash of all samples (FNV-1a, 64 bits).
@Suite struct ResizingTests {
    /// 97 × 61 pixels of which no two rows are alike.
    static let picture: PixelImage = {
        var samples: [UInt8] = []
        for y in 0..<61 {
            for x in 0..<97 {
                let red = (x * x * 7 + y * 13) % 256
                let green = (y * y * 5 + x * 11) % 256
                let blue = (x * y * 3 + x + y) % 256
                samples += [UInt8(red), UInt8(green), UInt8(blue)]
            }
        }
        return PixelImage(width: 97, height: 61, channels: 3, samples: samples)
    }()

    static func hash(_ samples: [UInt8]) -> UInt64 { samples.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 } }

    @Test(
        arguments: [
            (.bilinear, 40, 25, 0x902eb265884e090a),
            (.bilinear, 130, 90, 0xf96484c1644a0bd6),
            (.bilinear, 13, 61, 0x9690c74a7c4d0284),
            (.bilinear, 97, 7, 0xaeb7f5cb3e08a70a),
            (.bilinear, 1, 1, 0x2d34351adf582c47),
            (.bicubic, 40, 25, 0x765bc7e1c205638e),
            (.bicubic, 130, 90, 0x35b3e01d22275b86),
            (.bicubic, 13, 61, 0xbbce017d4cfc9f69),
            (.bicubic, 97, 7, 0x1f846d4d51c32703),
            (.bicubic, 1, 1, 0x2d34351adf582c47),
            (.nearest, 40, 25, 0x32f0557464080951),
            (.nearest, 130, 90, 0xb4b6e5fa02b27149),
            (.nearest, 13, 61, 0xe3af16efe765809f),
            (.nearest, 97, 7, 0xa111e102adafcd53),
            (.nearest, 1, 1, 0x1aa5961ad47c54ab),
        ] as [(Interpolation, Int, Int, UInt64)])
    func givesTheSamplesOfPillow(_ interpolation: Interpolation, _ width: Int, _ height: Int, _ expected: UInt64) {
        let resized = Self.picture.resized(width: width, height: height, by: interpolation)
        #expect(resized.width == width && resized.height == height)
        #expect(Self.hash(resized.samples) == expected)
    }

    @Test func luminanceIsThatOfPillow() {
        let gray = Self.picture.converted(toChannels: 1)
        #expect(Self.hash(gray.samples) == 0x376eb7d75133bfb1)
        let back = gray.converted(toChannels: 3)
        #expect(back.samples.count == 3 * gray.samples.count && back.samples[3] == gray.samples[1] && back.samples[5] == gray.samples[1])
    }

    @Test func theSameSizeIsTheSamePicture() {
        for interpolation in Interpolation.allCases {
            #expect(Self.picture.resized(width: 97, height: 61, by: interpolation) == Self.picture)
        }
    }

    @Test func cropsTheMiddleAndRoundsHalvesToEven() {
        // 97 − 90 = 7, half 3.5 → 4; 61 − 60 = 1, half 0.5 → 0.
        let cropped = Self.picture.centerCropped(width: 90, height: 60)
        #expect(cropped.samples[0..<3] == Self.picture.samples[4 * 3..<5 * 3])
        #expect(cropped.samples.suffix(3) == Self.picture.samples[(59 * 97 + 93) * 3..<(59 * 97 + 94) * 3])
    }

    @Test func preparationsChooseSizesAndOrders() throws {
        let picture = PixelImage(width: 2, height: 1, channels: 3, samples: [1, 2, 3, 4, 5, 6])
        func prepared(_ preparation: ImagePreparation) throws -> [UInt8] { try preparation.apply(to: picture).samples }
        #expect(try prepared(ImagePreparation()) == [1, 4, 2, 5, 3, 6])
        #expect(try prepared(ImagePreparation(order: .bgr)) == [3, 6, 2, 5, 1, 4])
        #expect(try prepared(ImagePreparation(layout: .nhwc)) == [1, 2, 3, 4, 5, 6])
        #expect(try prepared(ImagePreparation(order: .bgr, layout: .nhwc)) == [3, 2, 1, 6, 5, 4])
        let sizes: [(ImagePreparation, Int, Int)] = [
            (ImagePreparation(resizing: .shorterSide(30)), 47, 30), (ImagePreparation(resizing: .exactly(width: 5, height: 9)), 5, 9),
            (ImagePreparation(crop: (32, 32)), 32, 32), (ImagePreparation(crop: (200, 20)), 200, 20),
            (ImagePreparation(resizing: .shorterSide(61), crop: (50, 61)), 50, 61),
        ]
        for (preparation, width, height) in sizes {
            let result = try preparation.apply(to: Self.picture)
            #expect(result.width == width && result.height == height && result.samples.count == 3 * width * height)
        }
        // Nothing is resized that has the size of the crop already.
        #expect(try ImagePreparation(crop: (97, 61), layout: .nhwc).apply(to: Self.picture).samples == Self.picture.samples)
        #expect(throws: ImageFileError.self) {
            try ImagePreparation(resizing: .shorterSide(10), crop: (20, 20)).apply(to: Self.picture)
        }
    }

    /// Halves are sums of steps: 3.5·8/7 comes to less than 4.
    @Test func nearestPixelsOfPlacesInTheMiddle() {
        for (from, expected) in [
            (8, [0, 1, 2, 3, 5, 6, 7]), (16, [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15]),
            (24, [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17, 18, 19, 21, 22, 23]),
        ] as [(Int, [UInt8])] {
            let line = (0..<from).map { UInt8($0) }
            let wide = PixelImage(width: from, height: 1, channels: 1, samples: line)
            #expect(wide.resized(width: expected.count, height: 1, by: .nearest).samples == expected)
            let high = PixelImage(width: 1, height: from, channels: 1, samples: line)
            #expect(high.resized(width: 1, height: expected.count, by: .nearest).samples == expected)
        }
    }
}
