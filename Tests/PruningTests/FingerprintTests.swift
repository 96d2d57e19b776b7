import NeuralNetworks
import Pruning
import Testing

@Suite struct FingerprintTests {
    private static func network(_ parameters: [String: Parameter]) -> Network {
        Network(nodes: [], values: [], inputs: [], outputs: [], parameters: parameters)
    }

    /// The words of a network, written down by hand and folded by a second implementation.
    @Test func theFingerprintIsTheFoldThatTheHeaderDescribes() {
        let network = Self.network(["ab": Parameter(shape: [2, 1], values: [1, -0.0])])
        let words: [UInt64] = [1, 2, 0x61, 0x62, 2, 2, 1, 2, 0x3f80_0000, 0x8000_0000]
        var state: UInt64 = 14_695_981_039_346_656_037
        for word in words {
            state = (state ^ word).multipliedFullWidth(by: 1_099_511_627_776 + 435).low
            state ^= state / 536_870_912
        }
        let text = String(state, radix: 16)
        #expect(network.fingerprint == String(repeating: "0", count: 16 - text.count) + text)
    }

    @Test func namesShapesAndSingleBitsCountAndListsDoNotRunIntoEachOther() {
        let values: [Float] = [1, 2, 3, 4]
        let networks = [
            Self.network([:]),
            Self.network(["w": Parameter(shape: [4], values: values)]),
            Self.network(["w": Parameter(shape: [2, 2], values: values)]),
            Self.network(["w": Parameter(shape: [4, 1], values: values)]),
            Self.network(["v": Parameter(shape: [4], values: values)]),
            Self.network(["w": Parameter(shape: [4], values: [1, 2, 3, Float(4).nextUp])]),
            Self.network(["w": Parameter(shape: [4], values: [2, 1, 3, 4])]),
            Self.network(["w": Parameter(shape: [2], values: [0, 0])]),
            Self.network(["w": Parameter(shape: [2], values: [0, -0.0])]),
            Self.network(["w": Parameter(shape: [1], values: [1]), "x": Parameter(shape: [1], values: [1])]),
        ]
        #expect(Set(networks.map(\.fingerprint)).count == networks.count)
        #expect(networks.allSatisfy { $0.fingerprint.count == 16 && $0.fingerprint.allSatisfy(\.isHexDigit) })
    }
}
