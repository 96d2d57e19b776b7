// Real trained networks: accuracy after pruning stays above what was asked for.

import NeuralNetworks
import Pruning
import TestSupport
import Testing

@Suite(.besideSharedData) struct RealNetworkTests {
    /// Accuracy in percent on the 2000 test images.
    private func accuracy(
        _ data: String, keep: Double, prior: InputPrior? = nil, calibrated: Bool = false, recipe: Recipe = .best, seed: UInt64 = 0
    ) throws -> Double {
        let network = try SharedData.network("lenet300_\(data).safetensors")
        var settings = PruningSettings(recipe: recipe, budget: .keep(keep), seed: seed)
        settings.inputPrior = prior
        if data == "mnist" { settings.inputPrior = InputPrior(mean: [0.1307], deviation: [0.3081]) }
        let calibration = calibrated ? try SharedData.images("\(data)_calib512.npz").images : nil
        let plan = try Pruner(network: network, settings: settings).plan(calibration: calibration)
        let test = try SharedData.images("\(data)_test2000.npz")
        return 100 * (try Evaluator(try plan.apply(to: network)).accuracy(on: test)).fraction
    }

    /// Whatever the draw, the accuracy stays above: three seeds, the default first.
    private func leastAccuracy(_ data: String, keep: Double, prior: InputPrior) throws -> Double {
        try (0..<3).map { try accuracy(data, keep: keep, prior: prior, seed: UInt64($0)) }.min() ?? 0
    }

    @Test(arguments: zip([0.5, 0.3, 0.2, 0.1], [97.3, 95.7, 92.5, 72]))
    func mnistWithoutData(_ keep: Double, _ least: Double) throws {
        let prior = InputPrior(mean: [0.1307], deviation: [0.3081])
        #expect(try leastAccuracy("mnist", keep: keep, prior: prior) >= least)
    }

    @Test(arguments: zip([0.5, 0.3, 0.2, 0.1], [88.5, 86.5, 82.5, 66]))
    func fashionMNISTWithoutData(_ keep: Double, _ least: Double) throws {
        let prior = InputPrior(mean: [0.2860], deviation: [0.3530])
        #expect(try leastAccuracy("fashion", keep: keep, prior: prior) >= least)
    }

    @Test(arguments: zip([0.3, 0.2, 0.1], [96.8, 95.5, 91.5]))
    func mnistWith512Images(_ keep: Double, _ least: Double) throws {
        #expect(try accuracy("mnist", keep: keep, calibrated: true) >= least)
    }

    @Test func thePapersRecipeWorksAndSaysSoInThePlan() throws {
        #expect(try accuracy("mnist", keep: 0.5, recipe: .paper) >= 75)
        let network = try SharedData.network("lenet300_mnist.safetensors")
        let plan = try Pruner(network: network, settings: PruningSettings(recipe: .paper, budget: .keep(0.5))).plan()
        for layer in plan.layers {
            let guarantee = layer.guarantee
            #expect(guarantee.representation == .product && guarantee.rank == 10)
            let (peeling, sampling) = (try #require(guarantee.peeling), try #require(guarantee.sampling))
            #expect(peeling.peels >= 1 && sampling.draws >= layer.after)
        }
    }

    /// Accuracy in percent of a convolutional network on its test images.
    private func convolutional(
        _ file: String, _ architecture: KnownArchitecture, _ data: String, test: String, keep: Double, calibrated: Bool
    ) throws -> Double {
        let network = try SharedData.network(file, architecture)
        var settings = PruningSettings(budget: .keep(keep))
        var scaling = InputScaling()
        if data == "cifar10" {
            (settings.inputShift, settings.inputScale) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
            scaling = InputScaling(mean: [0.485, 0.456, 0.406], standardDeviation: [0.229, 0.224, 0.225])
        }
        if data == "mnist" { settings.inputPrior = InputPrior(mean: [0.1307], deviation: [0.3081]) }
        let calibration = calibrated ? try SharedData.images("\(data)_calib512.npz", scaling: scaling).images : nil
        let plan = try Pruner(network: network, settings: settings).plan(calibration: calibration)
        let images = try SharedData.images(test, scaling: scaling)
        return 100 * (try Evaluator(try plan.apply(to: network)).accuracy(on: images)).fraction
    }

    @Test(arguments: zip([0.4, 0.3, 0.2], [98, 97.5, 94]))
    func leNet5With512Images(_ keep: Double, _ least: Double) throws {
        let found = try convolutional(
            "lenet5_mnist.safetensors", .lenet5, "mnist", test: "mnist_test2000.npz", keep: keep, calibrated: true)
        #expect(found >= least)
    }

    @Test(arguments: zip([0.4, 0.3, 0.2], [97.5, 97, 94])) func leNet5WithoutData(_ keep: Double, _ least: Double) throws {
        let found = try convolutional(
            "lenet5_mnist.safetensors", .lenet5, "mnist", test: "mnist_test2000.npz", keep: keep, calibrated: false)
        #expect(found >= least)
    }

    @Test(arguments: zip([0.5, 0.3], [78, 60.0])) func resNet20With512Images(_ keep: Double, _ least: Double) throws {
        let found = try convolutional(
            "resnet20_cifar10.safetensors", .cifarResNet(depth: 20), "cifar10", test: "cifar10_test500.npz", keep: keep, calibrated: true)
        #expect(found >= least)
    }

    @Test func resNet20WithoutData() throws {
        let found = try convolutional(
            "resnet20_cifar10.safetensors", .cifarResNet(depth: 20), "cifar10", test: "cifar10_test500.npz", keep: 0.5, calibrated: false)
        #expect(found >= 71)
    }
}
