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

    /// The mean of three seeds. Draws that ascend multiply the rounding of a processor's kernels to draws of their own: the least of a
    /// few runs is a lottery. Bounds below are three standard deviations of one run (two kinds of kernels, six seeds) under its mean.
    private func meanAccuracy(_ data: String, keep: Double, prior: InputPrior? = nil, calibrated: Bool = false) throws -> Double {
        let found = try (0..<3).map { try accuracy(data, keep: keep, prior: prior, calibrated: calibrated, seed: UInt64($0)) }
        return found.reduce(0, +) / Double(found.count)
    }

    @Test(arguments: zip([0.3, 0.1], [95.1, 69]))
    func mnistWithoutData(_ keep: Double, _ least: Double) throws {
        let prior = InputPrior(mean: [0.1307], deviation: [0.3081])
        let found = try meanAccuracy("mnist", keep: keep, prior: prior)
        #expect(found >= least)
    }

    @Test(arguments: zip([0.3, 0.1], [85.8, 60.6]))
    func fashionMNISTWithoutData(_ keep: Double, _ least: Double) throws {
        let prior = InputPrior(mean: [0.2860], deviation: [0.3530])
        let found = try meanAccuracy("fashion", keep: keep, prior: prior)
        #expect(found >= least)
    }

    @Test(arguments: zip([0.3, 0.1], [96.6, 90]))
    func mnistWith512Images(_ keep: Double, _ least: Double) throws {
        let found = try meanAccuracy("mnist", keep: keep, calibrated: true)
        #expect(found >= least)
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

    @Test(arguments: zip([0.4, 0.2], [97.5, 94])) func leNet5WithoutData(_ keep: Double, _ least: Double) throws {
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
        // One run: the mean of eight is 74.9, their standard deviation 1.8.
        #expect(found >= 69)
    }
}
