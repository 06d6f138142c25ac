import QATCore

/// The shape that several shapes are broadcast to, by NumPy's rule.
/// - Throws: `shape-mismatch` where two known dimensions differ and neither is 1.
public func broadcastShape(_ shapes: [Shape]) throws(Diagnostic) -> Shape {
  let rank = shapes.map(\.rank).max() ?? 0
  var result: [Dimension] = []
  for axis in 0..<rank {
    var dimension: Dimension = 1
    for shape in shapes where axis >= rank - shape.rank {
      let other = shape[axis - (rank - shape.rank)]
      if other.size == 1 || other == dimension { continue }
      if dimension.size == 1 { dimension = other; continue }
      switch (dimension.size, other.size) {
      case (.some, .some):
        throw Diagnostic(
          .shapeMismatch,
          "shapes \(shapes.map(\.description).joined(separator: " and ")) can't be broadcast together"
        )
      case (nil, .some): dimension = other  // The symbol must turn out 1 or that size.
      case (.some, nil): break
      case (nil, nil): dimension = .unknown
      }
    }
    result.append(dimension)
  }
  return Shape(result)
}

extension TensorType {
  /// The shape, which inference checked to be known before it asks an operation.
  public var knownShape: Shape { shape ?? [] }
}

/// `axis` counted from the front.
/// - Throws: `invalid-attribute` where it is out of range.
public func checkedAxis(_ axis: Int, rank: Int, named name: String = "axis") throws(Diagnostic)
  -> Int
{
  let result = axis < 0 ? axis + rank : axis
  guard (0..<rank).contains(result) else {
    throw Diagnostic(.invalidAttribute, "\(name) \(axis) is outside a tensor of rank \(rank)")
  }
  return result
}
