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

  func write(_ graph: Graph, to path: String) throws(Diagnostic) {
    if externalData != nil, !path.hasSuffix(".onnx") {
      throw Diagnostic(
        .invalidOption, "--external-data goes with a model that is written as .onnx", at: path)
    }
    try GraphFiles.write(graph, to: path, externalData: externalData ?? .whenNeeded)
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
