// For shapes and indices that come from outside: what would be a precondition throws a Diagnostic.
extension Tensor {
  /// A tensor of a shape that nothing has checked.
  /// - Throws: `shape-mismatch` for a negative or excessive size, or another number of elements.
  public init(checking shape: [Int], _ elements: [Scalar]) throws(Diagnostic) {
    guard let count = elementCount(of: shape) else { throw noShape(shape) }
    guard count == elements.count else {
      throw Diagnostic(
        .shapeMismatch, "\(elements.count) elements for the shape \(shape), which has \(count)")
    }
    self.init(shape: shape, elements)
  }

  /// The element at an index along each axis.
  /// - Throws: `shape-mismatch`.
  public func element(at index: [Int]) throws(Diagnostic) -> Scalar {
    try check(index)
    return self[index]
  }

  /// Changes the element at an index along each axis.
  /// - Throws: `shape-mismatch`.
  public mutating func setElement(_ element: Scalar, at index: [Int]) throws(Diagnostic) {
    try check(index)
    self[index] = element
  }

  /// The same elements under another shape, in which one size may be -1: what the others leave. O(1).
  /// - Throws: `shape-mismatch`.
  public func reshaped(checking shape: [Int]) throws(Diagnostic) -> Tensor {
    var result = shape
    if let open = shape.firstIndex(of: -1) {
      result[open] = 1
      let rest = elementCount(of: result) ?? 0
      result[open] = rest > 0 ? count / rest : 0
    }
    guard let wanted = elementCount(of: result) else { throw noShape(shape) }
    guard wanted == count else {
      throw Diagnostic(
        .shapeMismatch,
        "\(count) elements of shape \(self.shape) can't take the shape \(shape)",
        hint: shape.contains(-1) ? nil : "it has \(wanted)")
    }
    return reshaped(result)
  }

  private func check(_ index: [Int]) throws(Diagnostic) {
    guard index.count == rank else {
      throw Diagnostic(
        .shapeMismatch, "\(index.count) indices \(index) for a tensor of shape \(shape)",
        hint: "give \(rank), one for each axis")
    }
    guard let axis = index.indices.first(where: { !(0..<shape[$0]).contains(index[$0]) }) else {
      return
    }
    throw Diagnostic(
      .shapeMismatch, "index \(index[axis]) along axis \(axis) of a tensor of shape \(shape)",
      hint: shape[axis] == 0 ? "the tensor is empty" : "it goes from 0 to \(shape[axis] - 1)")
  }
}

/// The product of the sizes, or `nil` where one is negative or the product no `Int`.
private func elementCount(of shape: [Int]) -> Int? {
  guard shape.allSatisfy({ $0 >= 0 }) else { return nil }
  if shape.contains(0) { return 0 }
  return shape.reduce(1) { (product: Int?, size) in
    product.flatMap {
      let (next, overflow) = $0.multipliedReportingOverflow(by: size)
      return overflow ? nil : next
    }
  }
}

private func noShape(_ shape: [Int]) -> Diagnostic {
  Diagnostic(
    .shapeMismatch, "\(shape) is no shape", hint: "sizes are 0 or more, their product an Int")
}
