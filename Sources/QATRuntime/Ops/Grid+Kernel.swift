import QATCore
import QATIR
import QATKernels

// Operations that read the rows and columns of images in another order or number.

extension Pad: Executable {
  /// With constant pads; what repeats does so along the last two axes.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let x = request.shape(0), y = request.resultShape()
    guard isMovable(request), let pads = request.constant(1)?.integers, !y.contains(0),
      !request.isPresent(3) || request.constant(3) != nil
    else { return nil }
    let axes = request.constant(3)?.integers ?? Array(x.indices)
    guard mode == .constant else {
      return gridKernel(request, positions: try padPositions(x, mode, pads: pads, axes: axes))
    }
    let (begins, ends) = try Pad.amounts(pads, axes: axes, rank: x.count)
    guard let element = request.element(0), let zero = AnyTensor.zero(element) else { return nil }
    let from = rowMajorStrides(x), to = rowMajorStrides(y)
    // Where pads are negative a part of the tensor is left out.
    let inside = x.indices.map { x[$0] + min(0, begins[$0]) + min(0, ends[$0]) }
    let cut = zip(begins, from).reduce(0) { $0 + max(0, -$1.0) * $1.1 }
    let offset = zip(begins, to).reduce(0) { $0 + max(0, $1.0) * $1.1 }
    guard inside.allSatisfy({ $0 >= 0 }),
      let fill = Move([y.reduce(1, *)], from: [0], to: [1]),
      let move = Move(inside, from: from, at: cut, to: to, offset: offset)
    else { return nil }
    return Kernel { call in
      fill(call.optional(2) ?? TensorView(zero), call.result())
      move(call[0], call.result())
    }
  }
}

extension Resize: Executable {
  /// Of the last two axes, to constant sizes: nearest of any type, linear of floats.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard isMovable(request), !request.shape(0).contains(0), !request.resultShape().contains(0),
      [1, 2, 3].allSatisfy({ !request.isPresent($0) || request.constant($0) != nil })
    else { return nil }
    let taps = try taps(
      input: request.shape(0), roi: request.constant(1)?.doubles,
      scales: request.constant(2)?.elements(), sizes: request.constant(3)?.integers)
    guard !taps.contains(where: { $0.outside.contains(true) }) else { return nil }
    if mode == .nearest {
      return gridKernel(request, positions: taps.map { $0.taps.map { $0[0].position } })
    }
    guard request.element(0) == .f32, let plane = Plane(request.shape(0)),
      taps.dropLast(plane.axes).allSatisfy(\.isIdentity),
      let columns = taps.last?.neighbours,
      let rows = plane.axes == 2 ? taps[taps.count - 2].neighbours : .single
    else { return nil }
    let pool = request.pool
    return Kernel { call in
      MovementKernels.interpolate(
        height: plane.height, width: plane.width, rows: rows, columns: columns, x: call[0],
        y: call.result(), pool)
    }
  }
}

extension ResizeTaps {
  /// Its neighbours, where there are at most two. One alone counts half twice, so that an infinity
  /// stays one.
  fileprivate var neighbours: MovementKernels.Neighbours? {
    guard taps.allSatisfy({ (1...2).contains($0.count) && ($0.count == 2 || $0[0].weight == 1) })
    else { return nil }
    return MovementKernels.Neighbours(
      positions: taps.flatMap { [$0[0].position, $0[$0.count - 1].position] },
      weights: taps.flatMap { $0.count == 1 ? [0.5, 0.5] : $0.map(\.weight) })
  }
}

extension MovementKernels.Neighbours {
  /// Of an axis of one element that stays.
  fileprivate static let single = Self(positions: [0, 0], weights: [0.5, 0.5])
}

/// A kernel that takes, along the last two axes, the elements at these positions; the axes in front
/// stay.
private func gridKernel(_ request: KernelRequest, positions: [[Int]]) -> Kernel? {
  let x = request.shape(0)
  guard let plane = Plane(x), !x.contains(0), let columns = positions.last,
    zip(x, positions).dropLast(plane.axes).allSatisfy({ $1.elementsEqual(0..<$0) })
  else { return nil }
  let rows = plane.axes == 2 ? positions[positions.count - 2] : [0], pool = request.pool
  return Kernel { call in
    MovementKernels.takeGrid(
      height: plane.height, width: plane.width, rows: rows, columns: columns, x: call[0],
      y: call.result(), pool)
  }
}

/// The last two axes of a tensor, or the only one.
private struct Plane {
  let axes: Int, height: Int, width: Int

  /// - Returns: `nil` for a scalar.
  init?(_ shape: [Int]) {
    guard let width = shape.last else { return nil }
    self.width = width
    axes = min(2, shape.count)
    height = axes == 2 ? shape[shape.count - 2] : 1
  }
}

extension AnyTensor {
  /// A scalar zero of a type whose elements have whole bytes.
  fileprivate static func zero(_ element: ElementType) -> AnyTensor? {
    guard element.bitWidth >= 8 else { return nil }
    let bytes = [UInt8](repeating: 0, count: element.bitWidth / 8)
    return AnyTensor(element, shape: [], storage: AnyTensor(shape: [bytes.count], bytes).storage)
  }
}
