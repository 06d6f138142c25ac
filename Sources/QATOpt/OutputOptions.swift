import ArgumentParser
import QAT

/// How a model is written, for the commands that write one.
struct OutputOptions: ParsableArguments {
  @Option(
    defaultAsFlag: ExternalData.beside, parsing: .next,
    help: ArgumentHelp(
      "Put large weights into a file beside the .onnx: NAME.onnx.data, or --external-data=FILE. A model of more than 2 GiB always has one.",
      valueName: "file"))
  var externalData: ExternalData?
  @Option(
    help:
      "The highest opset that the reader of the .onnx knows: what came later is written as older operations."
  )
  var opset: Int?

  func write(_ graph: Graph, to path: String) throws(Diagnostic) {
    let onlyONNX = ["--external-data": externalData != nil, "--opset": opset != nil]
    if !path.hasSuffix(".onnx"), let option = onlyONNX.first(where: \.value)?.key {
      throw Diagnostic(
        .invalidOption, "\(option) goes with a model that is written as .onnx", at: path)
    }
    try GraphFiles.write(graph, to: path, externalData: externalData ?? .whenNeeded, opset: opset)
  }
}

extension ExternalData: ExpressibleByArgument, CustomStringConvertible {
  public init?(argument: String) { self = .file(argument) }

  public var description: String {
    switch self {
    case .whenNeeded: "where needed"
    case .beside: "NAME.onnx.data"
    case .file(let name): name
    }
  }
}
