// swift-tools-version: 6.2
import PackageDescription

// A package outside of the compiler's own; elsewhere than in this repository, the dependency reads
//   .package(url: "https://…/swift-qat", from: "…")
let package = Package(
  name: "custom-pass",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "swift-qat", path: "../..")],
  targets: [
    .executableTarget(
      name: "custom-opt", dependencies: [.product(name: "QAT", package: "swift-qat")],
      path: "Sources")
  ]
)
