// Neighborhood of the entries of a flattened input.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

import NeuralNetworks

/// Where the entries of a flattened input lie: pixels, one channel after the other or channels innermost, or a plain vector without
/// neighborhood.
struct PixelGrid: Equatable {
    var channels: Int
    var height: Int
    var width: Int
    /// Whether the channels of a pixel lie side by side.
    var isChannelsLast = false
    /// Whether neighbors are correlated at all; a plain feature vector has none.
    var isImage: Bool

    var area: Int { height * width }
    var count: Int { channels * area }

    /// Plain vectors with fewer rows and columns than digits have (8×8) are features, whose number is a square by chance.
    private static let leastSide = Network.leastPicture

    init(shape: [Int]) {
        switch shape.count {
        case 3 where InputScaling.isChannelsLast(shape) && min(shape[0], shape[1]) >= PixelGrid.leastSide:
            self.init(channels: shape[2], height: shape[0], width: shape[1], isImage: true)
            isChannelsLast = true
        case 3: self.init(channels: shape[0], height: shape[1], width: shape[2], isImage: true)
        case 2: self.init(channels: 1, height: shape[0], width: shape[1], isImage: true)
        default:
            let features = shape.reduce(1, *)
            if let side = PixelGrid.root(features), side >= PixelGrid.leastSide {
                self.init(channels: 1, height: side, width: side, isImage: true)
            } else if features % 3 == 0, let side = PixelGrid.root(features / 3), side >= PixelGrid.leastSide {
                self.init(channels: 3, height: side, width: side, isImage: true)
            } else {
                self.init(channels: features, height: 1, width: 1, isImage: false)
            }
        }
    }

    private init(channels: Int, height: Int, width: Int, isImage: Bool) {
        self.channels = channels
        self.height = height
        self.width = width
        self.isImage = isImage
    }

    /// Channel of entry p.
    func channel(_ p: Int) -> Int { isChannelsLast ? p % channels : p / area }

    /// Pixel of entry p, row after row.
    func place(_ p: Int) -> Int { isChannelsLast ? p / channels : p % area }

    /// ρ^distance between entries p and q.
    func correlation(_ p: Int, _ q: Int, neighbor rho: Double) -> Double {
        if p == q { return 1 }
        guard isImage, rho > 0 else { return 0 }
        let step = channel(p) == channel(q) ? 0 : 1
        let (a, b) = (place(p), place(q))
        let (down, across) = (a / width - b / width, a % width - b % width)
        return pow(rho, Double(step * step + down * down + across * across).squareRoot())
    }

    private static func root(_ value: Int) -> Int? {
        let side = Int(Double(value).squareRoot().rounded())
        return side * side == value ? side : nil
    }
}
