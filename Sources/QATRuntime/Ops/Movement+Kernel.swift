import QATCore
import QATIR
import QATKernels

extension Transpose: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let x = request.shape(0), y = request.resultShape()
    if let (batch, rows, columns) = planes(x, request.element(0)) {
      let pool = request.pool
      return Kernel { call in
        MovementKernels.transpose(
          batch: batch, rows: rows, columns: columns, call[0], call.result(), pool)
      }
    }
    let strides = rowMajorStrides(x)
    let move = Move(
      y, from: permutation(rank: x.count).map { strides[$0] }, to: rowMajorStrides(y))
    guard isMovable(request), let move else { return nil }
    return Kernel { call in move(call[0], call.result()) }
  }
}

extension Transpose {
  /// [batch][rows][columns] where two runs of neighbouring axes change places behind
  /// leading axes that stay: NCHW to NHWC and back.
  fileprivate func planes(
    _ sizes: [Int], _ element: ElementType?
  ) -> (batch: Int, rows: Int, columns: Int)? {
    let order = permutation(rank: sizes.count)
    let kept = order.indices.prefix { order[$0] == $0 }.count
    guard [8, 32].contains(element?.bitWidth), kept < order.count, !sizes.contains(0) else {
      return nil
    }
    let split = order[kept]
    guard order[kept...].elementsEqual(Array(split..<order.count) + Array(kept..<split)) else {
      return nil
    }
    return (
      sizes[..<kept].reduce(1, *), sizes[kept..<split].reduce(1, *), sizes[split...].reduce(1, *)
    )
  }
}

extension Transpose: SharesBytes {
  /// Where only axes of one element change places.
  public func sharesBytes(from operand: [Int], to result: [Int]) -> Bool {
    let moved = permutation(rank: operand.count).filter { operand[$0] != 1 }
    return moved == moved.sorted()
  }
}

extension Expand: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let x = request.shape(0), y = request.resultShape()
    let move = Move(y, from: broadcastStrides(x, to: y), to: rowMajorStrides(y))
    guard isMovable(request), let move else { return nil }
    return Kernel { call in move(call[0], call.result()) }
  }
}

extension Slice: Executable {
  /// With constant bounds.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let x = request.shape(0), y = request.resultShape()
    guard isMovable(request), let starts = request.constant(1)?.integers,
      let ends = request.constant(2)?.integers
    else { return nil }
    for optional in [3, 4] where request.isPresent(optional) && request.constant(optional) == nil {
      return nil
    }
    let axes = request.constant(3)?.integers ?? Array(starts.indices)
    let sizes = request.constant(4)?.integers ?? starts.map { _ in 1 }
    let whole = rowMajorStrides(x)
    var strides = whole, start = 0
    for (entry, given) in axes.enumerated() {
      let axis = given < 0 ? given + x.count : given
      let range = SliceRange(
        size: x[axis], start: starts[entry], end: ends[entry], step: sizes[entry])
      strides[axis] = range.step * whole[axis]
      start += range.start * whole[axis]
    }
    guard let move = Move(y, from: strides, at: start, to: rowMajorStrides(y)) else { return nil }
    return Kernel { call in move(call[0], call.result()) }
  }
}

extension Concat: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let strides = rowMajorStrides(request.resultShape())
    let axis = axis < 0 ? axis + strides.count : axis
    guard isMovable(request), strides.indices.contains(axis) else { return nil }
    var moves: [Move] = []
    var position = 0
    for index in request.operands.indices {
      let x = request.shape(index)
      let move = Move(x, from: rowMajorStrides(x), to: strides, offset: position * strides[axis])
      guard let move else { return nil }
      moves.append(move)
      position += x[axis]
    }
    return Kernel { call in
      for (index, move) in moves.enumerated() { move(call[index], call.result()) }
    }
  }
}

extension Split: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let strides = rowMajorStrides(request.shape(0))
    let axis = axis < 0 ? axis + strides.count : axis
    guard isMovable(request), strides.indices.contains(axis),
      request.results.allSatisfy({ $0 != nil })
    else { return nil }
    var moves: [Move] = []
    var position = 0
    for index in request.results.indices {
      let y = request.resultShape(index)
      let move = Move(y, from: strides, at: position * strides[axis], to: rowMajorStrides(y))
      guard let move else { return nil }
      moves.append(move)
      position += y[axis]
    }
    return Kernel { call in
      for (index, move) in moves.enumerated() { move(call[0], call.result(index)) }
    }
  }
}

extension Tile: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let x = request.shape(0), y = request.resultShape()
    let from = rowMajorStrides(x), to = rowMajorStrides(y)
    guard isMovable(request), !y.contains(0) else { return nil }
    // Each axis as copies of what it was.
    let move = Move(
      x.indices.flatMap { [y[$0] / x[$0], x[$0]] }, from: from.flatMap { [0, $0] },
      to: x.indices.flatMap { [x[$0] * to[$0], to[$0]] })
    guard let move else { return nil }
    return Kernel { call in move(call[0], call.result()) }
  }
}

extension DepthToSpace: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let blocks = BlockAxes(wide: request.resultShape(), side: blockSize ?? 1, order)
    let wide = rowMajorStrides(blocks.sizes)
    guard isMovable(request), let move = Move(blocks.sizes, from: blocks.deepStrides, to: wide)
    else { return nil }
    return Kernel { call in move(call[0], call.result()) }
  }
}

extension SpaceToDepth: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let blocks = BlockAxes(wide: request.shape(0), side: blockSize ?? 1, order)
    let wide = rowMajorStrides(blocks.sizes)
    guard isMovable(request), let move = Move(blocks.sizes, from: wide, to: blocks.deepStrides)
    else { return nil }
    return Kernel { call in move(call[0], call.result()) }
  }
}

/// A box of elements that goes from one layout to another.
struct Move {
  private let sizes: [Int], from: StridedBox, to: StridedBox

  /// - Returns: `nil` for more than 8 axes longer than 1.
  init?(_ shape: [Int], from: [Int], at start: Int = 0, to: [Int], offset target: Int = 0) {
    let axes = shape.indices.filter { shape[$0] != 1 }
    guard axes.count <= 8 else { return nil }
    sizes = axes.map { shape[$0] }
    self.from = StridedBox(offset: start, strides: axes.map { from[$0] })
    self.to = StridedBox(offset: target, strides: axes.map { to[$0] })
  }

  func callAsFunction(_ source: TensorView, _ target: MutableTensorView) {
    MovementKernels.copy(sizes: sizes, from: source, from, to: target, to)
  }
}

/// Whether elements have whole bytes, so that moving them is copying memory.
func isMovable(_ request: KernelRequest) -> Bool {
  (request.element(0)?.bitWidth ?? 0) >= 8
}
