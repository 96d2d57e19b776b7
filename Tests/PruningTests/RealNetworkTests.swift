// Real trained networks: accuracy after pruning stays above what was asked for.

import NeuralNetworks
import Pruning
import Testing

@Suite(.besideSharedData) struct RealNetworkTests {
    /// Accuracy in percent on the 2000 test images.
    private func accuracy(
        _ data: String, keep: Double, prior: InputPrior? = nil, calibrated: Bool = false, recipe: Recipe = .best, seed: UInt64 = 0
    ) throws -> Double {
        let network = try SharedFiles.network("lenet300_\(data).safetensors")
        var settings = PruningSettings(recipe: recipe, budget: .keep(keep), seed: seed)
        settings.inputPrior = prior
        let calibration = calibrated ? try SharedFiles.images("\(data)_calib512.npz").images : nil
        let plan = try Pruner(network: network, settings: settings).plan(calibration: calibration)
        let test = try SharedFiles.images("\(data)_test2000.npz")
        return 100 * (try Evaluator(try plan.apply(to: network)).accuracy(on: test)).fraction
    }

    @Test(arguments: zip([0.5, 0.3, 0.2], [97.3, 95.7, 91.5]))
    func `MNIST without data`(_ keep: Double, _ least: Double) throws {
        let prior = InputPrior(mean: [0.1307], deviation: [0.3081])
        #expect(try accuracy("mnist", keep: keep, prior: prior) >= least)
    }

    @Test(arguments: zip([0.5, 0.3, 0.2], [88.5, 86, 80]))
    func `Fashion-MNIST without data`(_ keep: Double, _ least: Double) throws {
        let prior = InputPrior(mean: [0.2860], deviation: [0.3530])
        #expect(try accuracy("fashion", keep: keep, prior: prior) >= least)
    }

    @Test(arguments: zip([0.3, 0.2, 0.1], [97, 95.5, 90]))
    func `MNIST with 512 images`(_ keep: Double, _ least: Double) throws {
        #expect(try accuracy("mnist", keep: keep, calibrated: true) >= least)
    }

    @Test func `the paper's recipe works, and says so in the plan`() throws {
        #expect(try accuracy("mnist", keep: 0.5, recipe: .paper) >= 75)
        let network = try SharedFiles.network("lenet300_mnist.safetensors")
        let plan = try Pruner(network: network, settings: PruningSettings(recipe: .paper, budget: .keep(0.5))).plan()
        for layer in plan.layers {
            #expect(layer.representation == "product" && layer.rank == 10)
            #expect((layer.peels ?? 0) >= 1 && layer.draws ?? 0 >= layer.after)
            #expect(layer.samplingEpsilon != nil)
        }
    }
}
