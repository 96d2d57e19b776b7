// swift-tools-version: 6.1
// A package outside the repository that links the ellipsoid engine. scripts/test-client builds and runs it, once against
// this checkout by path and once against a version tag.
import Foundation
import PackageDescription

let location = ProcessInfo.processInfo.environment["LOEWNER_REPOSITORY"]
let dependency: Package.Dependency =
    if let location { .package(url: location, from: "0.1.0", traits: []) } else { .package(name: "loewner", path: "../..", traits: []) }

let package = Package(
    name: "Client",
    dependencies: [dependency],
    targets: [
        .executableTarget(name: "Client", dependencies: [.product(name: "ConvexGeometry", package: "loewner")])
    ]
)
