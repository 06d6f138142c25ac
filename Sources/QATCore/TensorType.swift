/// The dimensions of a tensor, outermost first; row-major (C order) wherever elements are listed.
public struct Shape: Sendable, Hashable, CustomStringConvertible, ExpressibleByArrayLiteral {
  /// More dimensions are a mistake of a file: no shape of a graph has them.
  public static let highestRank = 1024

  /// Outermost first.
  public var dimensions: [Dimension]

  /// The shape of these dimensions.
  public init(_ dimensions: [Dimension]) { self.dimensions = dimensions }
  /// The shape of these sizes.
  public init(_ sizes: [Int]) { dimensions = sizes.map { Dimension($0) } }
  public init(arrayLiteral elements: Dimension...) { dimensions = elements }

  /// How many dimensions there are.
  public var rank: Int { dimensions.count }
  /// The dimension of an axis, from 0.
  public subscript(axis: Int) -> Dimension {
    get { dimensions[axis] }
    set { dimensions[axis] = newValue }
  }

  /// The sizes, where all of them are numbers.
  public var sizes: [Int]? {
    let sizes = dimensions.compactMap(\.size)
    return sizes.count == rank ? sizes : nil
  }

  /// The product of all dimensions; 1 for a scalar.
  public var elementCount: Dimension { dimensions.reduce(1, *) }

  /// `axis` counted from the front; ONNX counts negative ones from the back. `nil` out of range.
  public func normalized(axis: Int) -> Int? {
    let result = axis < 0 ? axis + rank : axis
    return (0..<rank).contains(result) ? result : nil
  }

  /// The shape with sizes in place of symbols.
  public func substituting(_ sizes: [String: Int]) -> Shape {
    Shape(dimensions.map { $0.substituting(sizes) })
  }

  /// `[N,3,32,32]`; `[]` for a scalar.
  public var description: String { "[\(dimensions.map(\.description).joined(separator: ","))]" }
}

/// What is known of a tensor before running: its element type, and its shape where even the rank is
/// known.
public struct TensorType: Sendable, Hashable, CustomStringConvertible {
  /// The type of the elements.
  public var element: ElementType
  /// `nil` where not even the rank is known.
  public var shape: Shape?

  /// A type; without a shape where not even the rank is known.
  public init(_ element: ElementType, _ shape: Shape?) {
    self.element = element
    self.shape = shape
  }

  /// `f32[N,3,32,32]`; `f32[*]` for unknown rank.
  public var description: String { element.name + (shape?.description ?? "[*]") }

  /// The type with sizes in place of symbols.
  public func substituting(_ sizes: [String: Int]) -> TensorType {
    TensorType(element, shape?.substituting(sizes))
  }
}

extension TensorType {
  /// Bytes of a tensor of this type; `nil` where a size is unknown.
  public var byteCount: Int? { shape?.sizes.map { element.byteCount($0.reduce(1, *)) } }

  /// Checks that offsets into a tensor of this type are numbers, as far as its sizes are known.
  /// - Throws: `shape-mismatch` where the product of its sizes, those of 0 left out, is too large, or
  ///   where there are more than `Shape.highestRank` of them.
  public func checkSize() throws(Diagnostic) {
    if let rank = shape?.rank, rank > Shape.highestRank {
      throw Diagnostic(.shapeMismatch, "a tensor of \(rank) dimensions")
    }
    var count = 1
    for size in (shape?.dimensions ?? []).compactMap(\.size) where size > 1 {
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      guard !overflow, product <= 1 << 56 else {
        throw Diagnostic(.shapeMismatch, "a tensor \(self) is too large")
      }
      count = product
    }
  }
}
