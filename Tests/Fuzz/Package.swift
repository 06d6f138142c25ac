// swift-tools-version: 6.2
import PackageDescription

// Built by scripts/fuzz with -sanitize=fuzzer,address.
let package = Package(
  name: "fuzz",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "swift-qat", path: "../..")],
  targets: [
    .executableTarget(
      name: "fuzz-onnx", dependencies: [.product(name: "QATONNX", package: "swift-qat")],
      path: "Sources",
      swiftSettings: [.swiftLanguageMode(.v6), .unsafeFlags(["-parse-as-library"])])
  ]
)
