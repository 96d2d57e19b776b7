// Where channels lie in an activation tensor.

/// Where channel c of sample s lies in an activation tensor.
struct ChannelLayout {
    var channels: Int
    /// Images times places.
    var samples: Int
    /// Distance between neighboring channels.
    var stride: Int
    /// Places of an image; those of a channel lie in a row.
    private(set) var places: Int

    /// - Parameter isLinear: channels are the last axis; otherwise axis 1.
    init(_ shape: [Int], isLinear: Bool) {
        if isLinear {
            channels = shape[shape.count - 1]
            stride = 1
            samples = shape.dropLast().reduce(1, *)
            places = 1
        } else {
            channels = shape.count > 1 ? shape[1] : 1
            places = shape.dropFirst(2).reduce(1, *)
            stride = places
            samples = shape[0] * places
        }
    }

    /// Index of channel 0 of a sample.
    func base(ofSample s: Int) -> Int {
        places == 1 ? s * channels : s / places * channels * places + s % places
    }
}
