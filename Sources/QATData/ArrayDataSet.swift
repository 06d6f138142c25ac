import QATCore

/// A data set in memory: tensors whose axis 0 counts the samples.
public struct ArrayDataSet: DataSet {
  public let count: Int
  public let inputs: [DataField]
  public let targets: [DataField]
  private let inputColumns: [Column]
  private let targetColumns: [Column]

  /// Integer targets become i64 and f64 ones f32: what the losses take.
  ///
  /// - Parameters:
  ///   - inputs: by input name; `Batch.unnamed` for a model's only input.
  ///   - targets: by output name; `Batch.unnamed` for a model's only output.
  /// - Throws: `invalid-data` for different numbers of samples, none at all, a scalar, NaN or
  ///   infinity; `unsupported` for strings and packed elements.
  public init(
    inputs: [String: AnyTensor], targets: [String: AnyTensor] = [:]
  ) throws(Diagnostic) {
    inputColumns = try Self.columns(inputs, kind: "input")
    targetColumns = try Self.columns(targets.mapValues(asTarget), kind: "labels")
    self.inputs = inputColumns.map(\.field)
    self.targets = targetColumns.map(\.field)
    guard let first = inputColumns.first, first.count > 0 else {
      throw Diagnostic(.invalidData, "there are no samples", hint: "give at least one input array")
    }
    count = first.count
    for column in inputColumns + targetColumns where column.count != count {
      throw Diagnostic(
        .invalidData,
        "'\(column.label)' has \(column.count) samples, '\(first.label)' has \(count)",
        hint: "axis 0 of every array counts the samples")
    }
  }

  /// Data for a model's only input, and labels for its only output.
  public init(_ input: AnyTensor, labels: AnyTensor? = nil) throws(Diagnostic) {
    try self.init(
      inputs: [Batch.unnamed: input], targets: labels.map { [Batch.unnamed: $0] } ?? [:])
  }

  public func batch(_ indices: [Int]) throws(Diagnostic) -> Batch {
    try check(indices)
    return Batch(
      inputs: Self.rows(of: inputColumns, indices), targets: Self.rows(of: targetColumns, indices))
  }

  private static func columns(
    _ tensors: [String: AnyTensor], kind: String
  ) throws(Diagnostic) -> [Column] {
    var columns: [Column] = []
    for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
      columns.append(try Column(name, tensor, label: name.isEmpty ? kind : name))
    }
    return columns
  }

  private static func rows(of columns: [Column], _ indices: [Int]) -> [String: AnyTensor] {
    Dictionary(uniqueKeysWithValues: columns.map { ($0.field.key, $0.rows(indices)) })
  }
}

/// Labels as the losses take them: class numbers i64, other numbers f32.
func asTarget(_ tensor: AnyTensor) -> AnyTensor {
  switch tensor.element {
  case .i64, .f32: tensor
  case .f64: AnyTensor(shape: tensor.shape, (tensor.doubles ?? []).map { Float($0) })
  default: tensor.integers.map { AnyTensor(shape: tensor.shape, $0.map { Int64($0) }) } ?? tensor
  }
}

/// One tensor of a data set as bytes, cut into samples.
private struct Column: Sendable {
  let field: DataField
  let count: Int
  /// The name to show in messages.
  let label: String
  private let bytes: [UInt8]
  private let rowBytes: Int

  init(_ name: String, _ tensor: AnyTensor, label: String) throws(Diagnostic) {
    guard let count = tensor.shape.first else {
      throw Diagnostic(
        .invalidData, "'\(label)' is a scalar", hint: "axis 0 of every array counts the samples")
    }
    guard tensor.element.bitWidth >= 8 else {
      throw Diagnostic(
        .unsupported, "'\(label)' has elements \(tensor.element.name)", hint: "store them as 8 bits"
      )
    }
    try checkFinite(tensor, named: label)
    let shape = Array(tensor.shape.dropFirst())
    field = DataField(name.isEmpty ? nil : name, tensor.element, shape)
    self.count = count
    self.label = label
    bytes = tensor.bytes
    rowBytes = tensor.element.byteCount(shape.reduce(1, *))
  }

  func rows(_ indices: [Int]) -> AnyTensor {
    var result: [UInt8] = []
    result.reserveCapacity(indices.count * rowBytes)
    for index in indices {
      result.append(contentsOf: bytes[index * rowBytes..<(index + 1) * rowBytes])
    }
    return AnyTensor(field.element, shape: [indices.count] + field.shape, bytes: result)
  }
}
