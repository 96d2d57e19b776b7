// Places of a plane under 3×3 windows: an order in which every edge is a run, and what shifts of the plane read.

/// Geometry of a height×width plane, two places each way at least, that windows read with one place of zeros around it.
package struct WindowGrid: Sendable {
    let height, width: Int
    /// Places by rank: once around the plane from its first corner on, then what is inside.
    let places: [Int]
    /// Ranks by rank, of all shifts between two taps.
    private let moves: [[Int?]]

    package init(height: Int, width: Int) {
        precondition(height >= 2 && width >= 2, "edges of a plane are not each other")
        (self.height, self.width) = (height, width)
        var places: [Int] = []
        places += (0..<width).map { $0 }
        places += (1..<height).map { $0 * width + width - 1 }
        places += (0..<width - 1).reversed().map { (height - 1) * width + $0 }
        places += (1..<height - 1).reversed().map { $0 * width }
        for y in 1..<height - 1 { places += (1..<width - 1).map { y * width + $0 } }
        var ranks = [Int](repeating: 0, count: places.count)
        for (rank, place) in places.enumerated() { ranks[place] = rank }
        self.places = places
        moves = (0..<25).map { index in
            places.map { place in
                let (y, x) = (place / width + index / 5 - 2, place % width + index % 5 - 2)
                return (0..<height).contains(y) && (0..<width).contains(x) ? ranks[y * width + x] : nil
            }
        }
    }

    var count: Int { places.count }

    /// A way from one place to another.
    struct Shift: Hashable, Sendable {
        var y, x: Int

        static func - (a: Shift, b: Shift) -> Shift { Shift(y: a.y - b.y, x: a.x - b.x) }
    }

    /// What a window reads, from its place on, in the order of a kernel's taps.
    static let taps = (0..<9).map { Shift(y: $0 / 3 - 1, x: $0 % 3 - 1) }

    /// Rank of every place, by rank, moved by a shift between two taps; `nil` outside.
    func moved(by shift: Shift) -> [Int?] { moves[(shift.y + 2) * 5 + shift.x + 2] }

    /// Ranks of the edge that the places of windows leave when these are moved by −1 or 1 in one direction: what a tap on that side never
    /// reads.
    func ranksOfRow(unreadBy y: Int) -> [Range<Int>] { y > 0 ? [0..<width] : [width + height - 2..<2 * width + height - 2] }
    func ranksOfColumn(unreadBy x: Int) -> [Range<Int>] {
        x < 0 ? [width - 1..<width + height - 1] : [2 * width + height - 3..<2 * (width + height) - 4, 0..<1]
    }

    /// The corner of both.
    func rankOfCorner(unreadBy tap: Shift) -> Int {
        switch (tap.y > 0, tap.x > 0) {
        case (true, true): 0
        case (true, false): width - 1
        case (false, false): width + height - 2
        case (false, true): 2 * width + height - 3
        }
    }
}
