import QATCore

/// What the command's `DATA` says: where samples come from, and which of them.
///
/// | text | samples |
/// |---|---|
/// | `x.npz` | arrays named like the inputs; `labels` (or `labels.OUTPUT`) for labels |
/// | `x.npy` | the model's only input |
/// | a folder | `sample_000/input_0.pb`, …, labels in `label_0.pb` |
/// | `runs:DIR` | a folder whose every sample is all that one run takes, without a batch axis |
/// | `mnist:DIR` | IDX files, plain or gzip; f32[N,1,28,28], (x / 255 - 0.1307) / 0.3081 |
/// | `cifar10:DIR` | binary batches, plain or gzip; f32[N,3,32,32], normalized by channel |
/// | `digits` | embedded; f32[N,1,8,8], x / 16 |
/// | `random:N` | N made-up samples, for timing |
///
/// Options follow a `?`, joined by `&`:
/// - `split=train|test` for data that has two parts;
/// - `offset=K`, `limit=K`: leave out the first K, keep at most K;
/// - `seed=K`: for `random` the seed; else shuffles before `offset` and `limit` take their part;
/// - `classes=K` for `random`: labels in 0..<K; `size.S=K`: the size of the symbolic dimension `S`.
public struct DataSource: Sendable, Equatable, CustomStringConvertible {
  /// Where samples come from.
  public enum Location: Sendable, Equatable {
    /// A `.npz` or `.npy` file, or a folder of samples.
    case path(String)
    /// A folder of runs.
    case runs(folder: String)
    /// A folder with the four files of MNIST.
    case mnist(folder: String)
    /// A folder with the batches of CIFAR-10.
    case cifar10(folder: String)
    /// The embedded digits.
    case digits
    /// That many made-up samples.
    case random(count: Int)
  }

  /// Where samples come from.
  public var location: Location
  /// `nil` takes the caller's default.
  public var split: DataSplit?
  /// Samples left out in front.
  public var offset = 0
  /// Samples kept at most; `nil` for all.
  public var limit: Int?
  /// Shuffles the samples; for `random` it makes them. `nil` for their order, and 0.
  public var seed: UInt64?
  /// Of made-up labels; `nil` for none.
  public var classes: Int?
  /// Sizes of symbolic dimensions, for `random`.
  public var sizes: [String: Int] = [:]

  /// All samples of a place.
  public init(_ location: Location) { self.location = location }

  /// What a program that loads data has to offer.
  public struct Context: Sendable {
    /// The model's inputs: `random` makes them, a folder takes names from them. Others need none.
    public var inputs: [ModelField]
    /// The part to take where the text names none.
    public var defaultSplit: DataSplit
    /// Reads the files of a folder of samples.
    public var readTensorFile: TensorFileReader?

    public init(
      inputs: [ModelField] = [], defaultSplit: DataSplit = .train,
      readTensorFile: TensorFileReader? = nil
    ) {
      self.inputs = inputs
      self.defaultSplit = defaultSplit
      self.readTensorFile = readTensorFile
    }

    fileprivate func reader(of folder: String) throws(Diagnostic) -> TensorFileReader {
      guard let readTensorFile else {
        throw Diagnostic(
          .unsupported, "folders of samples can't be read here", at: folder,
          hint: "use a .npz file")
      }
      return readTensorFile
    }
  }

  /// Reads the data. Float values are checked to be finite.
  public func load(_ context: Context = Context()) throws(Diagnostic) -> any DataSet {
    let whole = try loadWhole(context)
    var shuffles = seed != nil
    if case .random = location { shuffles = false }
    if offset == 0, limit == nil, !shuffles { return whole }
    guard offset < whole.count else {
      throw Diagnostic(
        .invalidOption, "offset=\(offset) leaves nothing of \(whole.count) samples",
        at: description,
        hint: "use a smaller offset")
    }
    var random = RandomSource(seed: seed ?? 0)
    let order = shuffles ? random.permutation(of: whole.count) : Array(0..<whole.count)
    return SubsetDataSet(whole, Array(order.dropFirst(offset).prefix(limit ?? whole.count)))
  }

  private func loadWhole(_ context: Context) throws(Diagnostic) -> any DataSet {
    let split = split ?? context.defaultSplit
    switch location {
    case .digits: return try ImageDataSet.digits(split)
    case .mnist(let folder): return try ImageDataSet.mnist(in: folder, split)
    case .cifar10(let folder): return try ImageDataSet.cifar10(in: folder, split)
    case .random(let count): return try random(count, context.inputs)
    case .runs(let folder):
      return try RunFolder(
        folder, inputNames: context.inputs.map(\.name), with: try context.reader(of: folder))
    case .path(let path): return try loadFile(path, context)
    }
  }

  private func loadFile(_ path: String, _ context: Context) throws(Diagnostic) -> any DataSet {
    if isFolder(path) {
      return try SampleFolder.read(
        path, inputNames: context.inputs.map(\.name), with: try context.reader(of: path))
    }
    do {
      if path.lowercased().hasSuffix(".npz") { return try Self.arrays(try NPZ.read(path)) }
      if path.lowercased().hasSuffix(".npy") { return try ArrayDataSet(try NPY.read(path)) }
    } catch { throw error.placed(at: path) }
    throw fileExists(path)
      ? Diagnostic(
        .unsupported, "no data format has this extension", at: path,
        hint: "use .npz, .npy, a folder of samples, mnist:DIR, cifar10:DIR, digits or random:N")
      : Diagnostic(
        .io, "no such file or folder", at: path,
        hint: nameHint(path, among: nearestNames(to: path, among: Self.schemes))
          ?? "use .npz, .npy, a folder of samples, mnist:DIR, cifar10:DIR, digits or random:N")
  }

  /// `labels` and `labels.OUTPUT` are targets, all other arrays inputs.
  private static func arrays(_ arrays: [String: AnyTensor]) throws(Diagnostic) -> ArrayDataSet {
    var inputs: [String: AnyTensor] = [:], targets: [String: AnyTensor] = [:]
    for (name, tensor) in arrays {
      if name == "labels" {
        targets[Batch.unnamed] = tensor
      } else if name.hasPrefix("labels.") {
        targets[String(name.dropFirst(7))] = tensor
      } else {
        inputs[name] = tensor
      }
    }
    return try ArrayDataSet(inputs: inputs, targets: targets)
  }

  private func random(_ count: Int, _ inputs: [ModelField]) throws(Diagnostic) -> RandomDataSet {
    var fields: [DataField] = []
    let symbols = inputs.flatMap { $0.type.shape?.dimensions.flatMap(\.freeSymbols) ?? [] }
    for name in sizes.keys.sorted() where !symbols.contains(name) {
      throw Diagnostic(
        .unknownName, "size.\(name): the model has no dimension '\(name)'", at: description,
        hint: nameHint(name, among: symbols))
    }
    for input in inputs {
      let known = input.type.shape?.substituting(sizes)
      guard let known, known.rank > 0, let shape = Shape(Array(known.dimensions.dropFirst())).sizes
      else {
        throw Diagnostic(
          .invalidOption, "the input '\(input.name)' is \(input.type): not all its sizes are known",
          at: description,
          hint: symbols.isEmpty
            ? "give the data in a .npz file" : "say them: ?size.\(symbols.last ?? "S")=128")
      }
      fields.append(DataField(input.name, input.type.element, shape))
    }
    guard !fields.isEmpty else {
      throw Diagnostic(
        .invalidOption, "random data needs a model with inputs", at: description,
        hint: "it is made to fit a model")
    }
    return try RandomDataSet(count: count, inputs: fields, classes: classes, seed: seed ?? 0)
  }
}
