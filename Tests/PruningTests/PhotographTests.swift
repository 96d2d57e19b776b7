// Photographs of the library and the crops that inputs are made of.

import Foundation
import NeuralNetworks
import RandomNumbers
import TensorFiles
import Testing

import Pruning

@Suite struct PhotographTests {
    @Test func theShippedPhotographsAreColorfulDifferentAndInRange() {
        let photographs = Photograph.shipped
        #expect(photographs.count >= 12)
        #expect(photographs.map(\.name) == photographs.map(\.name).sorted())
        var means: [Double] = []
        for photograph in photographs {
            #expect(photograph.planes.allSatisfy { $0.count == photograph.height * photograph.width })
            #expect(photograph.planes.allSatisfy { $0.allSatisfy { $0 >= 0 && $0 <= 1 } })
            let values = photograph.planes[0].map(Double.init)
            let mean = values.reduce(0, +) / Double(values.count)
            let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
            #expect(mean > 0.1 && mean < 0.9 && variance > 0.004, "\(photograph.name)")
            means.append(mean)
        }
        #expect(Set(means).count == means.count)
        #expect(photographs.filter { $0.planes.count == 3 }.count >= 12)
        // The sky of the windmill is blue.
        let windmill = photographs.first { $0.name == "windmill" }
        #expect(windmill.map { $0.planes[2][5 * $0.width + 5] > $0.planes[0][5 * $0.width + 5] + 0.2 } == true)
    }

    @Test func aDecodedPlaneIsTheSumOfItsCosines() throws {
        var luminance = [Int8](repeating: 0, count: 64 * 2 * 2)
        // Block (0, 1): constant; block (1, 0): second row frequency, third column frequency.
        luminance[0 * 4 + 1] = -10
        luminance[(1 * 8 + 2) * 4 + 2] = 5
        var archive = TensorArchive()
        archive["steps"] = try Tensor(dtype: .u8, shape: [2, 64], bytes: [UInt8](repeating: 16, count: 128))
        archive["a.y"] = try Tensor(dtype: .i8, shape: [64, 2, 2], bytes: luminance.map { UInt8(bitPattern: $0) })
        let photograph = try #require(try Photograph.photographs(of: archive).first)
        #expect(photograph.height == 16 && photograph.width == 16 && photograph.planes.count == 1)
        for y in 0..<16 {
            for x in 0..<16 {
                let expected: Double
                switch (y / 8, x / 8) {
                case (0, 1): expected = 128 - 160 / 8
                case (1, 0):
                    expected =
                        128 + 80 / 4 * cos(Double.pi * Double(2 * (y % 8) + 1) / 16)
                        * cos(Double.pi * Double(2 * (x % 8) + 1) * 2 / 16)
                default: expected = 128
                }
                #expect(abs(Double(photograph.planes[0][y * 16 + x]) * 255 - expected) <= 1e-3)
            }
        }
    }

    /// A network is surest of what is far too bright, known or not: for gray pictures bytes are no candidate.
    @Test func grayPicturesOfUndeclaredScaleAreReadFromZeroToOne() throws {
        var network = Network.residual(.init(hasNormalization: false, hasBias: true))
        network.values[0].shape = [1, 7, 7]
        let stem = try #require(network.parameters["stem.weight"])
        network.parameters["stem.weight"] = Parameter(
            shape: [stem.shape[0], 1, 3, 3], values: Array(stem.values.prefix(stem.shape[0] * 9)))
        var settings = PruningSettings(budget: .keep(0.5))
        (settings.inputPrior, settings.effort) = (nil, .quick)
        let plan = try Pruner(network: network, settings: settings).plan()
        for convention in [PixelConvention.bytes, .symmetric, .standardized] {
            #expect(!plan.warnings.contains(.assumedConvention(convention)))
        }
    }

    /// Two heads name no classes: what images are to the biases of the first convolution tells bytes from smaller pixels.
    @Test(arguments: [(Float(1), PixelConvention.unit), (0.0005, .bytes)])
    func biasesTellBytesWhereNoAnswersDo(_ scale: Float, _ convention: PixelConvention) throws {
        var network = Network.residual(.init(hasNormalization: false, hasBias: true))
        network.values[0].shape = [3, 24, 24]
        let stem = try #require(network.parameters["stem.weight"])
        let taps = (0..<stem.shape[0] * 27).map { stem.values[$0 % stem.values.count] * scale }
        network.parameters["stem.weight"] = Parameter(shape: [stem.shape[0], 3, 3, 3], values: taps)
        // A map of channels in the place of classes.
        network.outputs.insert(try #require(network.nodes.first { $0.name == "b" }).outputs[0], at: 0)
        var settings = PruningSettings(budget: .keep(0.5))
        (settings.inputPrior, settings.effort, settings.sampleCount) = (nil, .quick, 32)
        let plan = try Pruner(network: network, settings: settings).plan()
        #expect(plan.inputs == .photographs(images: 32, convention: convention), "\(plan.inputs)")
        #expect(plan.warnings.contains(.guessedConvention(convention)))
    }

    @Test func anArchiveThatIsNotOfPhotographsIsRefused() throws {
        var archive = TensorArchive()
        #expect(throws: TensorFileError.self) { try Photograph.photographs(of: archive) }
        archive["steps"] = try Tensor(dtype: .u8, shape: [2, 64], bytes: [UInt8](repeating: 16, count: 128))
        archive["a.y"] = try Tensor(dtype: .i8, shape: [63, 1, 1], bytes: [UInt8](repeating: 0, count: 63))
        #expect(throws: TensorFileError.self) { try Photograph.photographs(of: archive) }
    }

    @Test(arguments: [[3, 32, 32], [1, 28, 28], [3, 48, 320], [3, 1, 1], [3, 500, 300], [1, 1, 7]])
    func cropsOfEveryShapeFollowTheSeedAlone(_ shape: [Int]) {
        var (one, two, three) = (SeededGenerator(seed: 4), SeededGenerator(seed: 4), SeededGenerator(seed: 5))
        let crops = PhotographCrops.images(count: 3, shape: shape, using: &one)
        #expect(crops.shape == [3] + shape)
        #expect(crops.values.allSatisfy { $0 >= -1e-5 && $0 <= 1 + 1e-5 })
        #expect(crops == PhotographCrops.images(count: 3, shape: shape, using: &two))
        #expect(crops != PhotographCrops.images(count: 3, shape: shape, using: &three))
        #expect(PhotographCrops.serve(shape))
    }

    @Test(arguments: [[2, 8, 8], [4, 8, 8], [3, 8], [3, 0, 8], []])
    func otherChannelsAndRanksAreNotServed(_ shape: [Int]) { #expect(!PhotographCrops.serve(shape)) }

    @Test func resamplingKeepsWhatIsLinearAndLiesInsideTheWindow() {
        let (height, width) = (64, 96)
        // A plane that rises across: crops must rise too, or fall where they are mirrored, in equal steps away from the border.
        let ramp = Photograph(
            name: "ramp", height: height, width: width, planes: [(0..<height * width).map { Float($0 % width) / Float(width) }])
        let flat = Photograph(name: "flat", height: height, width: width, planes: [[Float](repeating: 0.25, count: height * width)])
        var generator = SeededGenerator(seed: 1)
        var directions: Set<Bool> = []
        for shape in [[1, 16, 16], [1, 64, 64], [1, 100, 150], [1, 5, 40]] {
            for _ in 0..<8 {
                #expect(PhotographCrops.crop(of: flat, shape, using: &generator).allSatisfy { abs($0 - 0.25) <= 1e-6 })
                let crop = PhotographCrops.crop(of: ramp, shape, using: &generator)
                let row = crop[..<shape[2]]
                directions.insert(row[0] < row[shape[2] - 1])
                let middle = shape[2] / 2
                let steps = [row[middle] - row[middle - 1], row[middle + 1] - row[middle]]
                // A normalized filter sampled at pixels ripples by some hundredths of a step.
                #expect(abs(steps[0] - steps[1]) <= 0.1 * abs(steps[0]) + 1e-5)
                for y in 1..<shape[1] { #expect(abs(crop[y * shape[2] + middle] - row[middle]) <= 1e-5) }
            }
        }
        #expect(directions == [true, false])
    }
}
