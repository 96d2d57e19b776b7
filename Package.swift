// swift-tools-version: 6.1
import PackageDescription

// Layers, lowest first; imports point downwards only. See the README for the map.
let package = Package(
    name: "loewner",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "ConvexGeometry", targets: ["ConvexGeometry", "LinearAlgebra", "MessagePassing"]),
        .library(name: "EllipsoidFiles", targets: ["EllipsoidFiles"]),
        .library(name: "Coresets", targets: ["Coresets"]),
        .library(name: "TensorFiles", targets: ["TensorFiles"]),
        .library(name: "NeuralNetworks", targets: ["NeuralNetworks"]),
        .library(name: "Pruning", targets: ["Pruning"]),
        .executable(name: "loewner", targets: ["CommandLineTool"]),
    ],
    // A client that only wants ellipsoids asks for none of them (`traits: []`) and checks out no other package.
    traits: [
        .trait(name: "Networks", description: "Files and networks: swift-protobuf."),
        .trait(name: "Tool", description: "The command line: swift-argument-parser.", enabledTraits: ["Networks"]),
        .trait(name: "MPI", description: "fit, reduce and coreset by several processes: Open MPI or MPICH.", enabledTraits: ["Tool"]),
        .default(enabledTraits: ["Networks", "Tool"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    ],
    targets: [
        // 0 — C
        .systemLibrary(
            name: "CLapack", pkgConfig: "openblas lapacke",
            providers: [.apt(["libopenblas-dev", "liblapacke-dev"]), .brew(["openblas", "lapack"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

        .systemLibrary(name: "CJPEG", pkgConfig: "libjpeg", providers: [.apt(["libjpeg-dev"]), .brew(["jpeg-turbo"])]),
        .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"]), .brew(["libpng"])]),

        // For the trait MPI alone.
        .systemLibrary(name: "CMPI", pkgConfig: "mpi-c", providers: [.apt(["libopenmpi-dev", "openmpi-bin"]), .brew(["open-mpi"])]),

        // What signal handlers need to know of files: fixed tables that TensorFiles fills and the tool's handlers read.
        .target(name: "CFileGuard"),

        // What must be settled before OpenBLAS is loaded; for the tool alone.
        .target(name: "CStartup"),

        // Pictures, for the tool alone: a client of the engines needs neither libjpeg nor libpng.
        .target(
            name: "CImageCodecs", dependencies: ["CJPEG", "CPNG"],
            linkerSettings: [.linkedLibrary("jpeg"), .linkedLibrary("png")]),
        .target(name: "ImageFiles", dependencies: ["CImageCodecs"]),

        // Loops that BLAS lacks, compiled per CPU generation; reached through LinearAlgebra only.
        .target(name: "CKernels"),

        // Photographs as bytes of the program; reached through Pruning only.
        .target(name: "CPhotographs", exclude: ["README.md"]),

        // 1
        .target(name: "RandomNumbers"),
        .target(name: "LinearAlgebra", dependencies: ["CLapack", "CKernels"]),

        // What the processes that share a read say to each other.
        .target(name: "MessagePassing", dependencies: [.target(name: "CMPI", condition: .when(traits: ["MPI"]))]),

        // 2
        .target(name: "ConvexGeometry", dependencies: ["LinearAlgebra", "RandomNumbers", "MessagePassing"]),
        .target(
            name: "TensorFiles",
            dependencies: [
                "CZlib", "CFileGuard", .product(name: "SwiftProtobuf", package: "swift-protobuf", condition: .when(traits: ["Networks"])),
            ],
            exclude: ["ONNX/onnx.proto"]),

        // 3
        .target(name: "EllipsoidFiles", dependencies: ["ConvexGeometry", "TensorFiles", "LinearAlgebra"]),
        .target(name: "Coresets", dependencies: ["ConvexGeometry", "LinearAlgebra", "RandomNumbers", "MessagePassing"]),
        .target(name: "NeuralNetworks", dependencies: ["TensorFiles", "LinearAlgebra"]),

        // 4
        .target(
            name: "Pruning",
            dependencies: ["Coresets", "ConvexGeometry", "NeuralNetworks", "TensorFiles", "LinearAlgebra", "RandomNumbers", "CPhotographs"]),

        // 5
        .executableTarget(
            name: "CommandLineTool",
            dependencies: [
                "Pruning", "Coresets", "ConvexGeometry", "EllipsoidFiles", "NeuralNetworks", "TensorFiles", "LinearAlgebra",
                "RandomNumbers", "MessagePassing", "BenchmarkSuite", "ImageFiles", "CFileGuard", "CStartup",
                .product(name: "ArgumentParser", package: "swift-argument-parser", condition: .when(traits: ["Tool"])),
            ]),
        .target(
            name: "BenchmarkSuite",
            dependencies: [
                "ReferenceImplementations", "Pruning", "Coresets", "ConvexGeometry", "NeuralNetworks", "TensorFiles",
                "LinearAlgebra", "RandomNumbers",
            ],
            path: "Benchmarks/Workloads"),

        // Retraining after different choices of neurons, compared; run by scripts/compare-retraining.
        .executableTarget(
            name: "compare-retraining",
            dependencies: ["ReferenceImplementations", "Pruning", "NeuralNetworks", "RandomNumbers", "TensorFiles"],
            path: "Benchmarks/Retraining"),

        // What stands beside each number of the ellipsoid's masters; run by scripts/measure-tuning.
        .executableTarget(
            name: "measure-tuning", dependencies: ["ConvexGeometry", "LinearAlgebra", "RandomNumbers"], path: "Benchmarks/Tuning"),

        // Plain Swift without BLAS: what tests check against and benchmarks compare with.
        .target(name: "ReferenceImplementations"),

        // Mutation fuzzing of everything that reads files: scripts/fuzz.
        .executableTarget(
            name: "Fuzz", dependencies: ["Pruning", "NeuralNetworks", "TensorFiles", "ImageFiles", "RandomNumbers"], path: "Tests/Fuzzing"),

        // Tests
        .target(
            name: "TestSupport",
            dependencies: ["LinearAlgebra", "MessagePassing", "ReferenceImplementations", "TensorFiles"], path: "Tests/TestSupport"),
        .testTarget(name: "MessagePassingTests", dependencies: ["MessagePassing", "TestSupport"]),
        .testTarget(name: "RandomNumbersTests", dependencies: ["RandomNumbers"]),
        .testTarget(name: "LinearAlgebraTests", dependencies: ["LinearAlgebra", "ReferenceImplementations", "TestSupport"]),
        .testTarget(
            name: "ConvexGeometryTests",
            dependencies: ["ConvexGeometry", "LinearAlgebra", "MessagePassing", "ReferenceImplementations", "TestSupport"]),
        .testTarget(name: "CoresetsTests", dependencies: ["Coresets", "ConvexGeometry", "LinearAlgebra", "RandomNumbers", "TestSupport"]),
        .testTarget(name: "ImageFilesTests", dependencies: ["ImageFiles"]),
        .testTarget(name: "TensorFilesTests", dependencies: ["TensorFiles", "TestSupport"], resources: [.copy("Fixtures")]),
        .testTarget(
            name: "NeuralNetworksTests", dependencies: ["NeuralNetworks", "TensorFiles", "TestSupport"], exclude: ["Fixtures"]),
        .testTarget(name: "PruningTests", dependencies: ["Pruning", "NeuralNetworks", "Coresets", "RandomNumbers", "TestSupport"]),
        .testTarget(
            name: "BenchmarkSuiteTests",
            dependencies: ["BenchmarkSuite", "Pruning", "LinearAlgebra", "RandomNumbers", "ReferenceImplementations", "TestSupport"]),
        .testTarget(name: "CommandLineToolTests", dependencies: ["TensorFiles", "TestSupport"]),
        // Every Swift example of the documentation, compiled and run.
        .testTarget(
            name: "SnippetTests",
            dependencies: ["Pruning", "Coresets", "ConvexGeometry", "EllipsoidFiles", "NeuralNetworks", "TensorFiles", "LinearAlgebra"]),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c11
)

// `LOEWNER_DOCUMENTATION=1 swift package generate-documentation --target ConvexGeometry`. Only then, so that neither builds nor clients
// check the plugin out; scripts/documentation does without it.
if Context.environment["LOEWNER_DOCUMENTATION"] != nil {
    package.dependencies.append(.package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.4.0"))
}
