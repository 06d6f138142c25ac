import QATCore

/// A tensor that the graph carries itself; importing makes a constant of the graph of it.
///
/// - Result: the tensor.
/// - Attributes: exactly one of `value` (a tensor), `value_float`, `value_floats`, `value_int`,
///   `value_ints`, `value_string`, `value_strings`.
public struct Constant: Operation, ShapeArithmetic {
  public static let name: OpName = "Constant"
  public static let operands: [OperandSpec] = []
  public static let attributes: [Attribute<Self>] = [
    .init("value", \.value), .init("value_float", \.float), .init("value_floats", \.floats),
    .init("value_int", \.int), .init("value_ints", \.ints), .init("value_string", \.string),
    .init("value_strings", \.strings),
  ]

  /// The contents as a tensor.
  public var value: AnyTensor? = nil
  /// ONNX's `value_float`.
  public var float: Float? = nil
  /// ONNX's `value_floats`.
  public var floats: [Float]? = nil
  /// ONNX's `value_int`.
  public var int: Int? = nil
  /// ONNX's `value_ints`.
  public var ints: [Int]? = nil
  /// ONNX's `value_string`.
  public var string: String? = nil
  /// ONNX's `value_strings`.
  public var strings: [String]? = nil

  public init() {}
  /// A constant with these contents.
  public init(_ value: AnyTensor) { self.value = value }

  /// The tensor, whichever attribute holds it; `nil` for strings, which no tensor here holds.
  public var tensor: AnyTensor? {
    value ?? float.map { AnyTensor($0) } ?? floats.map { AnyTensor(shape: [$0.count], $0) }
      ?? int.map { AnyTensor(Int64($0)) }
      ?? ints.map { AnyTensor(shape: [$0.count], $0.map(Int64.init)) }
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let given = attributeValues.map(\.name)
    guard given.count == 1 else {
      throw Diagnostic(
        .invalidAttribute,
        given.isEmpty ? "no value" : "more than one value: \(given.joined(separator: ", "))",
        hint: "set exactly one of the `value` attributes")
    }
    if let tensor { return [tensor.type] }
    return [TensorType(.string, strings.map { [Dimension($0.count)] } ?? [])]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] { [tensor?.element ?? .string] }

  public func dimensions(_ operands: Operands) -> [Dimension]? {
    guard let tensor, tensor.elementCount <= 64 else { return nil }
    return tensor.integers?.map { Dimension(signed: $0) }
  }
}
