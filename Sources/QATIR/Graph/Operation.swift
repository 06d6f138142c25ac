import QATCore

/// What a node computes: an ONNX operation, one of this project's, or a user's.
///
/// One file an operation says all it means: operands, attributes, the types of its results. How it is
/// evaluated, differentiated and quantized are protocols of their own that the type may conform to.
public protocol Operation: Sendable {
  /// The name in the text form and in files, with its domain: `Conv`, `qat.FakeQuantize`.
  static var name: OpName { get }
  /// The operands in order, with the element types they take.
  static var operands: [OperandSpec] { get }
  /// The results in order; one named `y` where nothing else is said.
  static var results: [ResultSpec] { get }
  /// Stored properties; one at its value in `init()` is left out of the text form and the file.
  static var attributes: [Attribute<Self>] { get }
  /// The operation with every attribute at its default.
  init()

  /// The types of all results, also of those that a node leaves out.
  ///
  /// Arity and element types have been checked against `operands` before.
  func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType]

  /// The element types of the results where an operand's rank is unknown (and so are the results').
  func resultElements(_ operands: Operands) -> [ElementType]

  /// The name of this instance: `Self.name`, except for opaque operations.
  var name: OpName { get }
  /// The attributes that differ from their defaults, in the order of the table.
  var attributeValues: [(name: String, value: AttributeValue)] { get }
  /// Itself where it runs bodies. Passes ask that of every node, and a cast takes a thousand
  /// instructions.
  var controlFlow: (any ControlFlow)? { get }
}

extension Operation {
  public static var attributes: [Attribute<Self>] { [] }
  public static var results: [ResultSpec] { ["y"] }
  public var name: OpName { Self.name }
  public var controlFlow: (any ControlFlow)? { nil }
  public func resultElements(_ operands: Operands) -> [ElementType] {
    [operands.all.compactMap { $0 }.first?.type.element ?? .f32]
  }

  public var attributeValues: [(name: String, value: AttributeValue)] {
    let defaults = Self()
    return Self.attributes.compactMap { attribute in
      guard let value = attribute.get(self), value != attribute.get(defaults) else { return nil }
      return (attribute.name, value)
    }
  }

  /// Sets an attribute by its ONNX name.
  /// - Throws: `invalid-attribute` for a name the operation has not, or a value of another type.
  public mutating func setAttribute(
    _ name: String, _ value: AttributeValue
  ) throws(Diagnostic) {
    guard let attribute = Self.attributes.first(where: { $0.name == name }) else {
      throw Diagnostic(
        .invalidAttribute, "\(Self.name) has no attribute '\(name)'",
        hint: nameHint(name, among: Self.attributes.map(\.name)))
    }
    guard attribute.set(&self, value) else {
      throw Diagnostic(
        .invalidAttribute, "attribute '\(name)' of \(Self.name) has the wrong type or value")
    }
  }

  /// An operation with attributes set by name.
  public init(attributes: [(name: String, value: AttributeValue)]) throws(Diagnostic) {
    self.init()
    for (name, value) in attributes { try setAttribute(name, value) }
  }
}

/// Whether two operations are the same one with the same attributes.
public func isSameOperation(_ a: any Operation, _ b: any Operation) -> Bool {
  let x = a.attributeValues, y = b.attributeValues
  return a.name == b.name && x.count == y.count
    && zip(x, y).allSatisfy { $0.name == $1.name && $0.value == $1.value }
}

/// One operand of an operation: its name and the element types it takes.
public struct OperandSpec: Sendable {
  /// Whether an operand has to be there, may be, or stands for any number of them.
  public enum Presence: Sendable { case required, optional, variadic }

  /// The name in ONNX's specification.
  public let name: String
  /// The element types it takes.
  public let elements: Set<ElementType>
  /// Operands with the same type variable must have the same element type.
  public let typeVariable: String?
  /// Whether it has to be there.
  public let presence: Presence

  /// An operand of these element types.
  public init(
    _ name: String, _ elements: Set<ElementType>, as typeVariable: String? = nil,
    _ presence: Presence = .required
  ) {
    self.name = name
    self.elements = elements
    self.typeVariable = typeVariable
    self.presence = presence
  }

  /// An operand of 32-bit floats.
  public static func f32(_ name: String) -> Self { .init(name, [.f32]) }
  /// An operand of 32-bit integers.
  public static func i32(_ name: String) -> Self { .init(name, [.i32]) }
  /// An operand of 64-bit integers.
  public static func i64(_ name: String, _ presence: Presence = .required) -> Self {
    .init(name, [.i64], as: nil, presence)
  }
  /// A floating-point operand of the type `T` that the others share.
  public static func float(_ name: String, _ presence: Presence = .required) -> Self {
    .init(name, .floats, as: "T", presence)
  }
  /// An operand of any type `T` that the others share.
  public static func any(_ name: String, _ presence: Presence = .required) -> Self {
    .init(name, .all, as: "T", presence)
  }
}

/// One result of an operation.
public struct ResultSpec: Sendable, ExpressibleByStringLiteral {
  /// The name in ONNX's specification.
  public let name: String
  /// Whether a node must have it.
  public let presence: OperandSpec.Presence

  /// A result of that name.
  public init(_ name: String, _ presence: OperandSpec.Presence = .required) {
    self.name = name
    self.presence = presence
  }
  public init(stringLiteral name: String) { self.init(name) }
}

extension Set<ElementType> {
  /// All types.
  public static let all = Set(ElementType.allCases)
  /// Floats of 16 bits and more.
  public static let floats: Set = [.f32, .f64, .f16, .bf16]
  /// All that arithmetic is done on.
  public static let numeric: Set = floats.union([.i8, .i16, .i32, .i64, .u8, .u16, .u32, .u64])
  /// Integers of 8 bits and more.
  public static let integers: Set = [.i8, .i16, .i32, .i64, .u8, .u16, .u32, .u64]
  /// Types of the codes of a quantized tensor.
  public static let codes: Set = [.i8, .u8, .i16, .u16, .i4, .u4, .i2, .u2]
  /// The codes of 8-bit grids.
  public static let codes8: Set = [.i8, .u8]
}

/// What inference knows of the operands of one node.
public struct Operands: Sendable {
  /// One operand.
  public struct Operand: Sendable {
    /// Element type and shape.
    public let type: TensorType
    /// The elements, where the operand is a constant.
    public let constant: AnyTensor?
    /// The elements of a one-dimensional or scalar integer tensor, where they are known as dimensions.
    public let dimensions: [Dimension]?

    /// An operand, and what is known of its elements.
    public init(_ type: TensorType, constant: AnyTensor? = nil, dimensions: [Dimension]? = nil) {
      self.type = type
      self.constant = constant
      self.dimensions = dimensions
    }
  }

  /// `nil` for one that is absent.
  public let all: [Operand?]
  /// How many results the node has, absent ones before the last included.
  public let resultCount: Int

  /// The operands of a node with that many results.
  public init(_ all: [Operand?], resultCount: Int = 1) {
    self.all = all
    self.resultCount = resultCount
  }

  /// How many there are, absent ones before the last included.
  public var count: Int { all.count }

  /// The type of a required operand.
  public subscript(index: Int) -> TensorType {
    guard index < all.count, let operand = all[index] else {
      preconditionFailure("required operands are checked before inference")
    }
    return operand.type
  }

  /// The type of an operand that may be absent.
  public func optional(_ index: Int) -> TensorType? { index < all.count ? all[index]?.type : nil }
  /// Whether an operand is there.
  public func isPresent(_ index: Int) -> Bool { index < all.count && all[index] != nil }
  /// The contents of an operand, where it is a constant.
  public func constant(_ index: Int) -> AnyTensor? {
    index < all.count ? all[index]?.constant : nil
  }
  /// The elements of a constant integer operand.
  public func integers(_ index: Int) -> [Int]? {
    constant(index)?.integers ?? dimensions(index).flatMap { Shape($0).sizes }
  }
  /// The elements of a shape, where they are known as dimensions.
  public func dimensions(_ index: Int) -> [Dimension]? {
    index < all.count ? all[index]?.dimensions : nil
  }
}

/// An operation that knows something of its results even where the rank of an operand is unknown.
public protocol TakesUnknownRank: Operation {}

/// An operation on shapes as data, such as `Shape`, `Gather` or `Concat`: it can say what the elements
/// of its result are when the operands' elements are known only as dimensions.
public protocol ShapeArithmetic: Operation {
  /// The elements of the first result (a scalar or vector of integers), where they are known.
  func dimensions(_ operands: Operands) -> [Dimension]?
}
