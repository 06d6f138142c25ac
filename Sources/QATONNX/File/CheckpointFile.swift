import QATCore

/// A checkpoint as plain values: what `schemas/qat.proto` lists, nothing resolved.
///
/// The message's version is written last, so that a file which ends early has none and is refused.
public struct CheckpointFile: Sendable, Equatable {
  /// The version of the message that this reader knows.
  public static let format = 1

  public var toolVersion = ""
  /// The model training started from, an ONNX file; empty where it is kept elsewhere.
  public var model: [UInt8] = []
  /// The graph in training, in its text form; empty where it is made again from the model.
  public var graph = ""
  /// Large constants that the text refers to, by name.
  public var constants: [String: AnyTensor] = [:]
  /// Whatever running changes, by name.
  public var variables: [String: AnyTensor] = [:]
  /// Optimizer steps done.
  public var step = 0
  /// Epochs finished.
  public var epoch = 0
  /// Batches done of the epoch begun.
  public var batch = 0
  /// The states of random generators, by name.
  public var random: [String: [UInt64]] = [:]
  public var pipeline = ""
  public var options = ""
  public var metadata: [String: String] = [:]

  public init() {}

  // MARK: - Reading

  /// Reads a checkpoint. Large tensors stay views of the mapped file.
  /// - Throws: `io`; `malformed-file` with byte offset and field path; `unsupported` for a newer one.
  public init(path: String) throws(Diagnostic) {
    do throws(Diagnostic) { try self.init(MappedFile(path: path)) } catch {
      throw error.place == path ? error : error.at(path)
    }
  }

  /// Reads the bytes of a checkpoint.
  public init(_ storage: TensorStorage) throws(Diagnostic) {
    let source = WireReader.Source(storage)
    var wire = WireReader(source)
    let tensors = ModelReader(source: source, folder: nil)
    var format: Int?
    while let field = try wire.next(once: [1, 2, 3, 4, 7, 8, 9, 11, 12]) {
      switch field.number {
      case 1:
        format = try wire.integer(field, "format")
      case 2: toolVersion = try wire.text(field, "tool_version")
      case 3: model = try wire.bytes(field, "model")
      case 4: graph = try wire.text(field, "graph")
      case 5: try Self.add(field, "constants", to: &constants, wire, tensors)
      case 6: try Self.add(field, "variables", to: &variables, wire, tensors)
      case 7: step = try Self.count(field, "step", wire)
      case 8: epoch = try Self.count(field, "epoch", wire)
      case 9: batch = try Self.count(field, "batch", wire)
      case 10: try readStream(wire.message(field, "random[\(random.count)]"))
      case 11: pipeline = try wire.text(field, "pipeline")
      case 12: options = try wire.text(field, "options")
      case 13: try readEntry(wire.message(field, "metadata[\(metadata.count)]"))
      default: break
      }
    }
    guard let format else {
      throw Diagnostic(
        .malformedFile, "the checkpoint ends early", at: "byte \(storage.byteCount)",
        hint: "the file is cut off, or no checkpoint")
    }
    guard format == Self.format else {
      throw Diagnostic(
        .unsupported, "the checkpoint has format \(format), this version reads \(Self.format)",
        hint: "use the version that wrote it\(toolVersion.isEmpty ? "" : ": \(toolVersion)")")
    }
  }

  private static func count(
    _ field: WireReader.Field, _ name: String, _ wire: WireReader
  ) throws(Diagnostic) -> Int {
    let count = try wire.integer(field, name)
    guard (0..<(1 << 48)).contains(count) else {
      throw wire.malformed("\(name) \(count)", at: field.offset)
    }
    return count
  }

  private static func add(
    _ field: WireReader.Field, _ list: String, to tensors: inout [String: AnyTensor],
    _ wire: WireReader, _ reader: ModelReader
  ) throws(Diagnostic) {
    let (name, tensor) = try reader.tensor(wire.message(field, "\(list)[\(tensors.count)]"))
    guard tensors.updateValue(tensor, forKey: name) == nil else {
      throw wire.malformed("'\(name)' stands twice in \(list)", at: field.offset)
    }
  }

  private mutating func readStream(_ message: WireReader) throws(Diagnostic) {
    var wire = message
    var name = "", bytes: [UInt8] = []
    while let field = try wire.next(once: [1]) {
      if field.number == 1 { name = try wire.text(field, "name") }
      if field.number == 2 { try wire.appendFixed(field, "state", width: 8, to: &bytes) }
    }
    random[name] = stride(from: 0, to: bytes.count, by: 8).map { index in
      (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[index + $1]) << UInt64(8 * $1) }
    }
  }

  private mutating func readEntry(_ message: WireReader) throws(Diagnostic) {
    var wire = message
    var key = "", value = ""
    while let field = try wire.next(once: [1, 2]) {
      if field.number == 1 { key = try wire.text(field, "key") }
      if field.number == 2 { value = try wire.text(field, "value") }
    }
    metadata[key] = value
  }

  // MARK: - Writing

  /// Writes the checkpoint: there whole or not at all.
  /// - Throws: `io`; `unsupported` for more than protobuf's 2 GiB.
  public func write(to path: String) throws(Diagnostic) {
    let message = wireMessage
    guard message.byteCount < 1 << 31 else {
      throw Diagnostic(
        .unsupported, "the checkpoint has \(message.byteCount) bytes; a file holds 2 GiB", at: path)
    }
    try AtomicFile.write(message, to: path)
  }

  private var wireMessage: WireMessage {
    var message = WireMessage()
    message.optionalText(2, toolVersion)
    if !model.isEmpty { message.bytes(3, model) }
    message.optionalText(4, graph)
    for (name, tensor) in sorted(constants) {
      message.message(5, tensorMessage(tensor, name: name))
    }
    for (name, tensor) in sorted(variables) {
      message.message(6, tensorMessage(tensor, name: name))
    }
    message.integer(7, step)
    message.integer(8, epoch)
    message.integer(9, batch)
    for (name, state) in sorted(random) {
      var stream = WireMessage()
      stream.text(1, name)
      stream.bytes(
        2,
        state.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) } })
      message.message(10, stream)
    }
    message.optionalText(11, pipeline)
    message.optionalText(12, options)
    for (key, value) in sorted(metadata) {
      var entry = WireMessage()
      entry.text(1, key)
      entry.text(2, value)
      message.message(13, entry)
    }
    message.integer(1, Self.format)
    return message
  }

  private func sorted<Value>(_ entries: [String: Value]) -> [(key: String, value: Value)] {
    entries.sorted { $0.key < $1.key }
  }
}
