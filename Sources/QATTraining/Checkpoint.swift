import QATCore
import QATONNX

/// Where a training stands: everything needed to go on as if it had not stopped.
public struct Checkpoint: Sendable, Equatable {
  /// What `toolVersion` is in checkpoints that this version writes.
  public static let currentToolVersion = "swift-qat \(SwiftQAT.version)"

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
    file.metadata = [
      "loss-sum": "\(lossSum)", "samples": "\(samples)",
      "history": history.map(\.text).joined(separator: "\n"),
    ]
    try file.write(to: path)
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
