import QATCore

/// The value of an attribute, as ONNX has them. Floats are equal where their bits are: NaN equals the
/// same NaN, 0 differs from -0.
public enum AttributeValue: Sendable, Hashable {
  /// A whole number.
  case int(Int)
  /// A float.
  case float(Float)
  /// A text.
  case string(String)
  /// Whole numbers.
  case ints([Int])
  /// Floats.
  case floats([Float])
  /// Texts.
  case strings([String])
  /// A tensor.
  case tensor(AnyTensor)
  /// A body: what an operation of control flow runs.
  indirect case graph(Graph)
  /// Anything else (a sparse tensor, bytes that are no UTF-8, a subgraph of an operation that nothing
  /// defines): the bytes of the file's attribute message, kept as they came.
  case raw([UInt8])

  public static func == (a: AttributeValue, b: AttributeValue) -> Bool {
    switch (a, b) {
    case (.int(let x), .int(let y)): x == y
    case (.float(let x), .float(let y)): x.bitPattern == y.bitPattern
    case (.string(let x), .string(let y)): x == y
    case (.ints(let x), .ints(let y)): x == y
    case (.floats(let x), .floats(let y)): x.map(\.bitPattern) == y.map(\.bitPattern)
    case (.strings(let x), .strings(let y)): x == y
    case (.tensor(let x), .tensor(let y)): x == y
    case (.graph(let x), .graph(let y)): x == y
    case (.raw(let x), .raw(let y)): x == y
    default: false
    }
  }

  public func hash(into hasher: inout Hasher) {
    switch self {
    case .int(let value): hasher.combine(value)
    case .float(let value): hasher.combine(value.bitPattern)
    case .string(let value): hasher.combine(value)
    case .ints(let value): hasher.combine(value)
    case .floats(let value): hasher.combine(value.map(\.bitPattern))
    case .strings(let value): hasher.combine(value)
    case .tensor(let value): hasher.combine(value.shape)
    case .graph(let value): hasher.combine(value.nodeCount)
    case .raw(let value): hasher.combine(value)
    }
  }
}

/// A Swift type that an attribute may have.
public protocol AttributeConvertible: Sendable, Equatable {
  /// Reads what `attributeValue` gives; `nil` for a value of another type.
  init?(_ value: AttributeValue)
  /// `nil` stands for an attribute that is left out.
  var attributeValue: AttributeValue? { get }
}

extension Int: AttributeConvertible {
  public init?(_ value: AttributeValue) {
    guard case .int(let int) = value else { return nil }
    self = int
  }
  public var attributeValue: AttributeValue? { .int(self) }
}

extension Float: AttributeConvertible {
  public init?(_ value: AttributeValue) {
    guard case .float(let float) = value else { return nil }
    self = float
  }
  public var attributeValue: AttributeValue? { .float(self) }
}

extension String: AttributeConvertible {
  public init?(_ value: AttributeValue) {
    guard case .string(let string) = value else { return nil }
    self = string
  }
  public var attributeValue: AttributeValue? { .string(self) }
}

/// ONNX has no booleans: 0 is false, anything else true.
extension Bool: AttributeConvertible {
  public init?(_ value: AttributeValue) {
    guard case .int(let int) = value else { return nil }
    self = int != 0
  }
  public var attributeValue: AttributeValue? { .int(self ? 1 : 0) }
}

extension Array: AttributeConvertible where Element: AttributeListElement {
  public init?(_ value: AttributeValue) {
    guard let list = Element.list(value) else { return nil }
    self = list
  }
  public var attributeValue: AttributeValue? { Element.value(self) }
}

/// A type of which ONNX has lists.
public protocol AttributeListElement: Sendable, Equatable {
  /// Reads a list; `nil` for a value of another type.
  static func list(_ value: AttributeValue) -> [Self]?
  /// The list as a value.
  static func value(_ list: [Self]) -> AttributeValue
}

extension Int: AttributeListElement {
  public static func list(_ value: AttributeValue) -> [Int]? {
    guard case .ints(let list) = value else { return nil }
    return list
  }
  public static func value(_ list: [Int]) -> AttributeValue { .ints(list) }
}

extension Float: AttributeListElement {
  public static func list(_ value: AttributeValue) -> [Float]? {
    guard case .floats(let list) = value else { return nil }
    return list
  }
  public static func value(_ list: [Float]) -> AttributeValue { .floats(list) }
}

extension String: AttributeListElement {
  public static func list(_ value: AttributeValue) -> [String]? {
    guard case .strings(let list) = value else { return nil }
    return list
  }
  public static func value(_ list: [String]) -> AttributeValue { .strings(list) }
}

extension Optional: AttributeConvertible where Wrapped: AttributeConvertible {
  public init?(_ value: AttributeValue) {
    guard let wrapped = Wrapped(value) else { return nil }
    self = .some(wrapped)
  }
  public var attributeValue: AttributeValue? { flatMap(\.attributeValue) }
}

extension AnyTensor: AttributeConvertible {
  public init?(_ value: AttributeValue) {
    guard case .tensor(let tensor) = value else { return nil }
    self = tensor
  }
  public var attributeValue: AttributeValue? { .tensor(self) }
}

extension Graph: AttributeConvertible {
  public init?(_ value: AttributeValue) {
    guard case .graph(let graph) = value else { return nil }
    self = graph
  }
  public var attributeValue: AttributeValue? { .graph(self) }
}

/// An enumeration whose cases have the names that ONNX gives them.
extension AttributeConvertible where Self: RawRepresentable, RawValue == String {
  public init?(_ value: AttributeValue) {
    guard case .string(let name) = value else { return nil }
    self.init(rawValue: name)
  }
  public var attributeValue: AttributeValue? { .string(rawValue) }
}

/// ONNX's `data_type` number.
extension ElementType: AttributeConvertible {
  public init?(_ value: AttributeValue) {
    guard case .int(let number) = value else { return nil }
    self.init(rawValue: number)
  }
  public var attributeValue: AttributeValue? { .int(rawValue) }
}

/// A grid by its name: `"u8"`, `"i4n"`.
extension IntegerGrid: AttributeConvertible {
  public init?(_ value: AttributeValue) {
    guard case .string(let name) = value else { return nil }
    self.init(name)
  }
  public var attributeValue: AttributeValue? { .string(description) }
}

/// `"up"`, `"down"` or `"nearest"`.
extension PowerOfTwo.Rounding: AttributeConvertible {
  public init?(_ value: AttributeValue) {
    guard case .string(let name) = value else { return nil }
    self.init(rawValue: name)
  }
  public var attributeValue: AttributeValue? { .string(rawValue) }
}

/// One attribute of an operation: its ONNX name and the stored property that holds it.
public struct Attribute<Op: Sendable>: Sendable {
  /// ONNX's name for it.
  public let name: String
  let get: @Sendable (Op) -> AttributeValue?
  /// False where the value is not of the attribute's type.
  let set: @Sendable (inout Op, AttributeValue) -> Bool

  /// An attribute by its name and the property that holds it.
  public init<Value: AttributeConvertible>(
    _ name: String, _ path: WritableKeyPath<Op, Value> & Sendable
  ) {
    self.name = name
    get = { $0[keyPath: path].attributeValue }
    set = { op, value in
      guard let converted = Value(value) else { return false }
      op[keyPath: path] = converted
      return true
    }
  }

  private init(
    _ name: String, get: @escaping @Sendable (Op) -> AttributeValue?,
    set: @escaping @Sendable (inout Op, AttributeValue) -> Bool
  ) {
    self.name = name
    self.get = get
    self.set = set
  }

  /// The attribute of an operation that is a part of another one.
  func within<Whole>(_ path: WritableKeyPath<Whole, Op> & Sendable) -> Attribute<Whole> {
    let get = get, set = set
    return Attribute<Whole>(
      name, get: { get($0[keyPath: path]) }, set: { set(&$0[keyPath: path], $1) })
  }
}
