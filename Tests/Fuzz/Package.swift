// swift-tools-version: 6.2
import PackageDescription

// Built by scripts/fuzz with -sanitize=fuzzer,address: one program for each kind of file.
let package = Package(
  name: "fuzz",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "swift-qat", path: "../..")],
  targets: ["onnx", "qir", "config", "data"].map {
    .executableTarget(
      name: "fuzz-\($0)", dependencies: [.product(name: "QATFormats", package: "swift-qat")],
      path: "Sources/\($0)",
      swiftSettings: [.swiftLanguageMode(.v6), .unsafeFlags(["-parse-as-library"])])
  }
)
