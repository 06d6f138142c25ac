import QATCore
import QATIR
import QATONNX

/// Where a training stands: everything needed to go on as if it had not stopped.
public struct Checkpoint: Sendable, Equatable {
  /// What `toolVersion` is in checkpoints that this version writes.
  public static let currentToolVersion = "swift-qat \(SwiftQAT.version)"

  /// What wrote it.
  public var toolVersion = Checkpoint.currentToolVersion
  /// Optimizer steps done; the schedule's position.
  public var step = 0
  /// Epochs finished.
  public var epoch = 0
  /// Batches done of the epoch begun.
  public var batch = 0
  /// `DataLoader.state`.
  public var loader: [UInt64] = []
  /// The model's variables and the optimizer's state, by name.
  public var variables: [String: AnyTensor] = [:]
  /// The options of the run, `NAME=VALUE` separated by spaces: a run that resumes must have the same.
  public var options = ""
  /// The passes that made the graph, as text; for those who write it.
  public var pipeline = ""
  /// How the run was started: options and their values; for those who write it.
  public var settings: [String: String] = [:]
  /// The graph in training as `.qir` text, whose large contents are in `constants` and `variables`.
  public var graphText = ""
  /// Large constants of the graph, by name.
  public var constants: [String: AnyTensor] = [:]
  /// The epochs finished.
  public var history: [EpochRecord] = []
  /// Of the epoch begun: the sum of the losses of its samples.
  public var lossSum = 0.0
  /// Of the epoch begun: its samples so far.
  public var samples = 0

  public init() {}

  /// - Throws: `io`; `malformed-file` for anything but a whole checkpoint; `unsupported` for a newer
  ///   format.
  public init(path: String) throws(Diagnostic) {
    let file = try CheckpointFile(path: path)
    toolVersion = file.toolVersion
    (step, epoch, batch) = (file.step, file.epoch, file.batch)
    loader = file.random["loader"] ?? []
    variables = file.variables
    options = file.options
    pipeline = file.pipeline
    settings = file.settings
    graphText = file.graph
    constants = file.constants
    lossSum = try Self.entry("loss-sum", of: file, path) { Double($0) }
    samples = try Self.entry("samples", of: file, path) { Int($0) }
    history = try Self.entry("history", of: file, path) { text in
      let lines = text.split(separator: "\n"),
        records = lines.compactMap { EpochRecord(String($0)) }
      return lines.count == records.count ? records : nil
    }
  }

  /// Writes the checkpoint: there whole or not at all.
  /// - Throws: `io`; `unsupported` beyond 2 GiB.
  public func write(to path: String) throws(Diagnostic) {
    var file = CheckpointFile()
    file.toolVersion = toolVersion
    (file.step, file.epoch, file.batch) = (step, epoch, batch)
    file.random = ["loader": loader]
    file.variables = variables
    file.options = options
    file.pipeline = pipeline
    file.settings = settings
    file.graph = graphText
    file.constants = constants
    file.metadata = [
      "loss-sum": "\(lossSum)", "samples": "\(samples)",
      "history": history.map(\.text).joined(separator: "\n"),
    ]
    try file.write(to: path)
  }

  // MARK: - The graph in training

  /// The graph the training step was made from. Its variables may have other contents than at the
  /// start: resuming sets all of them.
  /// - Parameter registry: what the run's operations were looked up in.
  /// - Throws: `malformed-file` where there is none; what the text's parser says.
  public func graph(registry: OpRegistry = .builtin) throws(Diagnostic) -> Graph {
    guard !graphText.isEmpty else {
      throw Diagnostic(
        .malformedFile, "the checkpoint holds no graph",
        hint: "resume with the model it was made of")
    }
    let blobs = NamedContents(tensors: constants.merging(variables) { constant, _ in constant })
    return try Graph(text: graphText, registry: registry, blobs: blobs, fileName: "checkpoint")
  }

  /// Stores the graph that a training step was made from.
  public mutating func setGraph(_ graph: Graph) {
    graphText = graph.text(blobs: .byName)
    constants = [:]
    for id in graph.constants {
      guard let tensor = graph[id].constant, tensor.elementCount > Printer.inlineLimit else {
        continue
      }
      constants[graph[id].name] = tensor
    }
  }

  /// The contents that the text names.
  private struct NamedContents: BlobSource {
    let tensors: [String: AnyTensor]

    func storage(
      of name: String, offset: Int, byteCount: Int
    ) throws(Diagnostic) -> TensorStorage {
      guard let storage = tensors[name]?.storage, offset == 0, storage.byteCount == byteCount else {
        throw Diagnostic(
          .malformedFile, "the checkpoint has no contents of \(byteCount) bytes for '\(name)'",
          hint: "the file is damaged")
      }
      return storage
    }
  }

  private static func entry<Value>(
    _ key: String, of file: CheckpointFile, _ path: String, _ read: (String) -> Value?
  ) throws(Diagnostic) -> Value {
    guard let value = file.metadata[key].flatMap(read) else {
      throw Diagnostic(
        .malformedFile, "'\(key)' is missing, or not what it should be", at: path,
        hint: "the file is damaged, or not the checkpoint of a training")
    }
    return value
  }
}
