// swift-tools-version: 6.2
import PackageDescription

// One target a layer; the dependency lists are the architecture.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6), .strictMemorySafety(), .treatAllWarnings(as: .error),
]
let math: [LinkerSetting] = [.linkedLibrary("m", .when(platforms: [.linux]))]

let package = Package(
  name: "swift-qat",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "QAT", targets: ["QAT", "QATOpt"]),
    .library(name: "QATFormats", targets: ["QATONNX", "QATConfig", "QATData"]),  // files alone
    .executable(name: "qat-opt", targets: ["qat-opt"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0")
  ],
  targets: [
    // The C side: the system's libraries, the generated schema, the kernels.
    .systemLibrary(
      name: "CProtobufC", pkgConfig: "libprotobuf-c",
      providers: [.apt(["libprotobuf-c-dev"]), .brew(["protobuf-c"])]),
    .systemLibrary(
      name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
    .systemLibrary(
      name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"]), .brew(["libyaml"])]),
    .target(
      name: "CQATSchema", dependencies: ["CProtobufC"], path: "schemas",
      exclude: ["onnx.proto", "qat.proto"], sources: ["generated"],
      publicHeadersPath: "generated"),
    .target(name: "CQATKernels", linkerSettings: math),

    // What a graph is.
    .target(name: "QATCore", swiftSettings: strict, linkerSettings: math),
    .target(name: "QATIR", dependencies: ["QATCore"], swiftSettings: strict),
    .target(
      name: "QATONNX", dependencies: ["QATIR", "CQATSchema", "CProtobufC"], swiftSettings: strict),

    // How it is executed.
    .target(name: "QATKernels", dependencies: ["QATCore", "CQATKernels"], swiftSettings: strict),
    .target(name: "QATRuntime", dependencies: ["QATIR", "QATKernels"], swiftSettings: strict),

    // How it is changed.
    .target(name: "QATRewrite", dependencies: ["QATIR"], swiftSettings: strict),
    .target(name: "QATConfig", dependencies: ["QATCore", "CYAML"], swiftSettings: strict),
    .target(
      name: "QATPasses", dependencies: ["QATRewrite", "QATConfig", "QATRuntime"], path: "passes",
      resources: [
        "ptq", "ptq-corrected", "ptq-qdq", "ptq-qoperator", "lower-qdq", "lower-qoperator",
        "qat-prepare", "qat-finish", "to-dynamic", "to-weight-only", "to-matmulnbits",
        "ptq-dynamic", "ptq-weight-only", "ptq-matmulnbits", "session-integer", "session-float",
        "session-training",
      ].map {
        .embedInCode("pipelines/\($0).pipeline")
      },
      swiftSettings: strict),

    // How it is trained and used.
    .target(
      name: "QATData", dependencies: ["QATCore", "CZlib"],
      exclude: ["Resources/ATTRIBUTION.txt"],
      resources: [
        .embedInCode("Resources/digits-images-idx3-ubyte.gz"),
        .embedInCode("Resources/digits-labels-idx1-ubyte.gz"),
      ],
      swiftSettings: strict, linkerSettings: math),
    .target(
      name: "QATTraining", dependencies: ["QATPasses", "QATData", "QATONNX"],
      swiftSettings: strict),
    .target(name: "QATQuantization", dependencies: ["QATTraining"], swiftSettings: strict),
    .target(name: "QAT", dependencies: ["QATQuantization"], swiftSettings: strict),
    .target(
      name: "QATOpt",
      dependencies: ["QAT", .product(name: "ArgumentParser", package: "swift-argument-parser")],
      swiftSettings: strict),
    .executableTarget(name: "qat-opt", dependencies: ["QATOpt"], swiftSettings: strict),

    // What holds them to it.
    .testTarget(name: "QATConfigTests", dependencies: ["QATConfig"], swiftSettings: strict),
    .testTarget(name: "QATCoreTests", dependencies: ["QATCore"], swiftSettings: strict),
    .testTarget(name: "QATDataTests", dependencies: ["QATData"], swiftSettings: strict),
    .testTarget(name: "QATIRTests", dependencies: ["QATIR"], swiftSettings: strict),
    // Calls C with pointers throughout, so that `unsafe` on every line would say nothing.
    .testTarget(
      name: "QATKernelsTests", dependencies: ["CQATKernels", "QATCore", "QATKernels"],
      swiftSettings: [.swiftLanguageMode(.v6)]),
    .testTarget(name: "QATPassesTests", dependencies: ["QATPasses"], swiftSettings: strict),
    .testTarget(
      name: "QATONNXTests", dependencies: ["QATONNX", "QATRuntime"], swiftSettings: strict),
    .testTarget(
      name: "QATQuantizationTests", dependencies: ["QATQuantization"], swiftSettings: strict),
    .testTarget(name: "QATRuntimeTests", dependencies: ["QATRuntime"], swiftSettings: strict),
    .testTarget(name: "QATTrainingTests", dependencies: ["QATTraining"], swiftSettings: strict),
    // What a user's program sees: the umbrella alone.
    .testTarget(name: "QATTests", dependencies: ["QAT"], swiftSettings: strict),
    .testTarget(name: "IntegrationTests", dependencies: ["QAT"], swiftSettings: strict),
  ]
)
