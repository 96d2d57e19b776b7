// `benchmark --model` and `--peers`: what runs in place of, and beside, the built-in work.

import ArgumentParser
import BenchmarkSuite
import Foundation
import LinearAlgebra
import NeuralNetworks
import TensorFiles

struct BenchmarkSubjectOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Your own network in suites layers and network.", valueName: "model"), completion: .file())
    var model: String?

    @Option(
        help: ArgumentHelp("Labelled images of --model: the error over the kept share is measured on them.", valueName: "test.npz"),
        completion: .file())
    var data: String?

    @Option(
        help: ArgumentHelp(
            "Programs to compare with: a command that follows the protocol in Benchmarks/Peers/README.md, or a folder of them; repeatable.",
            valueName: "path"), completion: .file())
    var peers: [String] = []

    @OptionGroup var network: NetworkOptions
    @OptionGroup var images: ImageOptions

    func validate() throws {
        if data != nil, model == nil { throw ValidationError("expected --model with --data, found none") }
        if network.network != nil, model == nil { throw ValidationError("expected --model with --network, found none") }
    }

    /// The user's network, read.
    func subject() throws -> SubjectNetwork? {
        guard let model else { return nil }
        let file = try network.read(model)
        let labelled = try data.map { try images.read($0, labels: .needed, for: file).labelled }
        var subject = SubjectNetwork(name: SystemPath.shown(SystemPath.stem(of: model)), tier: .quick) {
            file.network
        }
        subject.isOnFile = true
        subject.scaling = images.scaling()
        if let labelled { subject.evaluation = { labelled } }
        return subject
    }

    /// Every peer, asked for its list.
    func peerList() throws -> [Peer] {
        // Peers get what we have: one thread, and the best kernels their own OpenBLAS may know under the same name.
        let environment = [
            "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
            "OPENBLAS_CORETYPE": BLASConfiguration.selection.coreType,
        ]
        return try peers.flatMap { try PeerList.peers(at: $0, environment: environment, isCancelled: { Interruption.requested }) }
    }
}
