import CQATSchema
public import QATCore

/// A checkpoint as plain values: what `schemas/qat.proto` lists, nothing resolved.
///
/// The message's version is written last, so that a file which ends early has none and is refused.
public struct CheckpointFile: Sendable, Equatable {
  /// The version of the message that this reader knows.
  public static let format = 1

  /// What wrote it.
  public var toolVersion = ""
  /// The graph in training, in its text form.
  public var graph = ""
  /// Large constants that the text refers to, by name; it refers to `variables` too.
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
  /// The passes that made the graph.
  public var pipeline = ""
  /// The options of the run.
  public var options = ""
  /// How the run was started: options and their values.
  public var settings: [String: String] = [:]
  /// Everything else, as text.
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
    let source = MessageSource(storage)
    self = unsafe try source.decode(Qat__Checkpoint.self) { message throws(Diagnostic) in
      unsafe try CheckpointFile(message.pointee, source)
    }
  }

  private init(_ message: Qat__Checkpoint, _ source: MessageSource) throws(Diagnostic) {
    toolVersion = unsafe text(message.tool_version)
    guard unsafe message.has_format != 0 else {
      throw Diagnostic(
        .malformedFile, "the checkpoint ends early", at: "byte \(source.storage.byteCount)",
        hint: "the file is cut off, or no checkpoint")
    }
    guard unsafe message.format == Self.format else {
      throw Diagnostic(
        .unsupported,
        "the checkpoint has format \(unsafe message.format), this version reads \(Self.format)",
        hint: "use the version that wrote it\(toolVersion.isEmpty ? "" : ": \(toolVersion)")")
    }
    graph = unsafe text(message.graph)
    constants = unsafe try Self.tensors(message.n_constants, message.constants, "constants", source)
    variables = unsafe try Self.tensors(message.n_variables, message.variables, "variables", source)
    step = unsafe try Self.count(message.step, "step")
    epoch = unsafe try Self.count(message.epoch, "epoch")
    batch = unsafe try Self.count(message.batch, "batch")
    for index in 0..<(unsafe message.n_random) {
      guard let stream = unsafe message.random[index]?.pointee else { continue }
      unsafe random[text(stream.name)] = unsafe Array(elements(stream.n_state, stream.state))
    }
    pipeline = unsafe text(message.pipeline)
    options = unsafe text(message.options)
    settings = unsafe entries(message.n_settings, message.settings)
    metadata = unsafe entries(message.n_metadata, message.metadata)
  }

  private static func count(_ number: Int64, _ name: String) throws(Diagnostic) -> Int {
    guard (0..<(1 << 48)).contains(number) else {
      throw .malformed("\(name) \(number)", at: 0, .root)
    }
    return Int(number)
  }

  private static func tensors(
    _ count: Int, _ start: UnsafeMutablePointer<UnsafeMutablePointer<Qat__Onnx__Tensor>?>?,
    _ list: String, _ source: MessageSource
  ) throws(Diagnostic) -> [String: AnyTensor] {
    let reader = ModelReader(source: source, folder: nil)
    var tensors: [String: AnyTensor] = [:]
    for index in 0..<count {
      guard let message = unsafe start?[index] else { continue }
      let path = FieldPath.root.appending(list, index)
      let (name, tensor) = unsafe try reader.tensor(message, at: path)
      guard tensors.updateValue(tensor, forKey: name) == nil else {
        throw .malformed(
          "'\(name)' stands twice in \(list)", at: unsafe source.place(of: message).lowerBound, path
        )
      }
    }
    return tensors
  }

  // MARK: - Writing

  /// Writes the checkpoint: there whole or not at all.
  /// - Throws: `io`; `unsupported` for more than protobuf's 2 GiB, and for a text with a NUL.
  public func write(to path: String) throws(Diagnostic) {
    let arena = MessageArena()
    var message = unsafe Qat__Checkpoint.empty
    unsafe message.tool_version = unsafe arena.optionalText(toolVersion)
    unsafe message.graph = unsafe arena.optionalText(graph)
    unsafe message.n_constants = constants.count
    unsafe message.constants = unsafe Self.messages(of: constants, arena)
    unsafe message.n_variables = variables.count
    unsafe message.variables = unsafe Self.messages(of: variables, arena)
    unsafe (message.has_step, message.step) = (1, Int64(step))
    unsafe (message.has_epoch, message.epoch) = (1, Int64(epoch))
    unsafe (message.has_batch, message.batch) = (1, Int64(batch))
    var streams: [UnsafeMutablePointer<Qat__RandomStream>?] = unsafe []
    for (name, state) in random.sorted(by: { $0.key < $1.key }) {
      var stream = unsafe Qat__RandomStream.empty
      unsafe stream.name = unsafe arena.text(name)
      unsafe stream.n_state = state.count
      unsafe stream.state = unsafe arena.list(state)
      unsafe streams.append(arena.copy(stream))
    }
    unsafe message.n_random = streams.count
    unsafe message.random = unsafe arena.list(streams)
    unsafe message.pipeline = unsafe arena.optionalText(pipeline)
    unsafe message.options = unsafe arena.optionalText(options)
    unsafe message.n_settings = settings.count
    unsafe message.settings = unsafe arena.entries(settings)
    unsafe message.n_metadata = metadata.count
    unsafe message.metadata = unsafe arena.entries(metadata)
    unsafe (message.has_format, message.format) = (1, Int32(Self.format))
    unsafe try arena.write(arena.copy(message), to: path, what: "the checkpoint")
  }

  private static func messages(
    of tensors: [String: AnyTensor], _ arena: MessageArena
  ) -> UnsafeMutablePointer<UnsafeMutablePointer<Qat__Onnx__Tensor>?>? {
    var messages: [UnsafeMutablePointer<Qat__Onnx__Tensor>?] = unsafe []
    for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
      var message = unsafe Qat__Onnx__Tensor.empty
      unsafe message.setContents(to: tensor, arena)
      unsafe message.name = unsafe arena.optionalText(name)
      unsafe messages.append(arena.copy(message))
    }
    return unsafe arena.list(messages)
  }
}
