import QATCore

/// An input or output of a model, as a data set needs to know it.
public struct ModelField: Sendable, Hashable {
  /// The name of the input.
  public var name: String
  /// With the batch axis in front.
  public var type: TensorType

  /// An input by its name and type.
  public init(_ name: String, _ type: TensorType) {
    self.name = name
    self.type = type
  }
}

extension DataSet {
  /// This data set under the names and types of a model's inputs, checked before anything runs.
  ///
  /// Inputs go by name; a nameless one feeds the model's only input. Doubles become floats and
  /// integers the width the model takes (values that do not fit are refused). Where only axes of size
  /// 1 or flattening tell the shapes apart, samples are reshaped, row-major.
  ///
  /// - Throws: `unknown-name`, `type-mismatch` or `shape-mismatch` where data and model do not fit.
  public func bound(to model: [ModelField]) throws(Diagnostic) -> BoundDataSet {
    try BoundDataSet(self, model)
  }
}

/// A data set whose batches fit a model's inputs.
public struct BoundDataSet: DataSet {
  private struct Binding: Sendable {
    var key: String
    var field: DataField
  }

  public let inputs: [DataField]
  private let base: any DataSet
  private let bindings: [Binding]

  fileprivate init(_ base: any DataSet, _ model: [ModelField]) throws(Diagnostic) {
    let names = model.map(\.name), fields = base.inputs
    if fields.count == 1, fields[0].name == nil, names.count != 1 {
      throw Diagnostic(
        .invalidData, "data without names for a model with inputs \(names.joined(separator: ", "))",
        hint: "give a .npz file with one array for each input, named like it")
    }
    for field in fields where field.name.map(names.contains) == false {
      throw Diagnostic(
        .unknownName, "the data holds '\(field.key)', which is no input of the model",
        hint: nameHint(field.key, among: names))
    }
    var bindings: [Binding] = []
    for input in model {
      let wanted = fields.first { $0.name == nil || $0.name == input.name }
      guard let field = wanted else {
        throw Diagnostic(
          .unknownName, "the data holds nothing for the input '\(input.name)'",
          hint: "the data has \(fields.map(\.description).joined(separator: "; "))")
      }
      let bound = base.holdsRuns ? field : try Self.fit(field, to: input)
      bindings.append(Binding(key: field.key, field: bound))
    }
    self.base = base
    self.bindings = bindings
    inputs = bindings.map(\.field)
  }

  public var count: Int { base.count }
  public var targets: [DataField] { base.targets }
  public var holdsRuns: Bool { base.holdsRuns }

  public func batch(_ indices: [Int]) throws(Diagnostic) -> Batch {
    let batch = try base.batch(indices)
    // What a run takes is checked when it runs: shapes may change from one to the next.
    if holdsRuns { return batch }
    var inputs: [String: AnyTensor] = [:]
    for binding in bindings {
      guard let tensor = batch.inputs[binding.key] else {
        throw Diagnostic(
          .invalidData, "the data set gave no '\(binding.key)'", hint: "check its batch(_:)")
      }
      let name = binding.field.key, size = binding.field.shape.reduce(batch.count, *)
      guard tensor.elementCount == size, let cast = try tensor.cast(to: binding.field.element, name)
      else {
        throw Diagnostic(
          .invalidData,
          "a batch of \(batch.count) gave \(tensor.element.name)\(tensor.shape) for '\(name)'",
          hint: "the data set announced \(binding.field)")
      }
      inputs[name] = cast.reshaped([batch.count] + binding.field.shape)
    }
    return Batch(inputs: inputs, targets: batch.targets)
  }

  /// The field as the model takes it.
  private static func fit(_ field: DataField, to input: ModelField) throws(Diagnostic) -> DataField
  {
    let element = input.type.element
    guard field.element == element || canCast(field.element, to: element) else {
      throw Diagnostic(
        .typeMismatch, "the input '\(input.name)' takes \(element.name), the data is \(field)",
        hint: element == .f32 ? "scale and convert it: array.astype('float32')" : "convert it")
    }
    return DataField(input.name, element, try fitShape(field, to: input))
  }

  private static func fitShape(
    _ field: DataField, to input: ModelField
  ) throws(Diagnostic) -> [Int] {
    guard let wanted = input.type.shape?.dimensions.dropFirst() else { return field.shape }
    guard input.type.shape?.rank != 0 else {
      throw Diagnostic(
        .unsupported, "the input '\(input.name)' is a scalar",
        hint: "make it a constant of the model")
    }
    let agrees =
      wanted.count == field.shape.count
      && zip(wanted, field.shape).allSatisfy { $0.size == nil || $0.size == $1 }
    if agrees { return field.shape }
    if let sizes = Shape(Array(wanted)).sizes, isReshaping(from: field.shape, to: sizes) {
      return sizes
    }
    throw Diagnostic(
      .shapeMismatch, "the input '\(input.name)' is \(input.type), the data is \(field)",
      hint: "axis 0 counts samples; the sizes after it must be the same")
  }

  /// Whether two shapes differ by axes of size 1 or by flattening alone.
  private static func isReshaping(from a: [Int], to b: [Int]) -> Bool {
    let x = a.filter { $0 != 1 }, y = b.filter { $0 != 1 }
    return x == y || (min(x.count, y.count) <= 1 && x.reduce(1, *) == y.reduce(1, *))
  }

  private static func canCast(_ from: ElementType, to: ElementType) -> Bool {
    (from == .f64 && to == .f32) || (from.isInteger && (to == .i64 || to == .i32))
  }
}

extension AnyTensor {
  /// The same values as f32, i64 or i32; `nil` for other conversions.
  ///
  /// - Throws: `invalid-data` for an integer that i32 does not hold or a double that f32 does not.
  fileprivate func cast(to element: ElementType, _ name: String) throws(Diagnostic) -> AnyTensor? {
    if element == self.element { return self }
    switch element {
    case .f32:
      guard let floats = elements(as: Double.self)?.map({ Float($0) }) else { return nil }
      let result = AnyTensor(shape: shape, floats)
      try checkFinite(result, named: name)
      return result
    case .i64: return integers.map { AnyTensor(shape: shape, $0.map { Int64($0) }) }
    case .i32:
      guard let integers else { return nil }
      let narrowed = integers.compactMap { Int32(exactly: $0) }
      guard narrowed.count == integers.count else {
        throw Diagnostic(
          .invalidData, "'\(name)' takes i32, the data holds larger values", hint: "check the data")
      }
      return AnyTensor(shape: shape, narrowed)
    default: return nil
    }
  }
}
