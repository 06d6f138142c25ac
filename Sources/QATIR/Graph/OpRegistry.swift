import QATCore

/// The operations that have a definition: the built-in ones and a user's own.
public struct OpRegistry: Sendable {
  private var types: [OpName: any Operation.Type] = [:]

  /// A registry of these operations; of equal names the last one counts.
  public init(_ types: [any Operation.Type] = []) {
    for type in types { register(type) }
  }

  /// Adds an operation, or replaces the one of that name.
  public mutating func register(_ type: any Operation.Type) { types[type.name] = type }

  /// The operation of a name.
  public subscript(name: OpName) -> (any Operation.Type)? { types[name] }

  /// All names, sorted.
  public var names: [OpName] { types.keys.sorted { $0.description < $1.description } }

  /// The operation of that name with those attributes; an opaque one where nothing defines it.
  public func operation(
    _ name: OpName, attributes: [(name: String, value: AttributeValue)]
  ) throws(Diagnostic) -> any Operation {
    guard let type = types[name] else { return Opaque(name, attributes) }
    return try type.init(attributes: attributes)
  }
}

/// An operation that nothing defines: it keeps its attributes and is exported as it came.
public struct Opaque: TakesUnknownRank {
  // `name` and the attributes belong to the instance; the tables are empty on purpose.
  public static let name: OpName = "qat.Opaque"
  public static let operands = [OperandSpec("operands", .all, as: nil, .variadic)]
  public static let results = [ResultSpec("results", .variadic)]

  public var name: OpName
  public var attributeValues: [(name: String, value: AttributeValue)]

  public init() { self.init(Self.name, []) }
  /// An operation that nothing defines, with what a file says of it.
  public init(_ name: OpName, _ attributes: [(name: String, value: AttributeValue)]) {
    self.name = name
    attributeValues = attributes
  }

  /// Nothing is known; the importer puts in what the file says.
  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    Array(repeating: TensorType(.f32, nil), count: operands.resultCount)
  }
}
