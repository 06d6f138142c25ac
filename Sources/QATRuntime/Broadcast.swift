import QATCore

/// How operands are read while a broadcast result is written in row-major order.
///
/// Neighbouring axes along which all operands move alike are walked as one, so that tensors of one
/// shape are a single row.
struct BroadcastWalk {
  /// Elements of a row of the result.
  let rowLength: Int
  /// How far each operand moves from one element of a row to the next: 0 or its innermost stride.
  let rowStrides: [Int]
  private let outerSizes: [Int]
  /// For each outer axis, the strides of all operands.
  private let outerStrides: [[Int]]
  private let operandCount: Int
  private let isEmpty: Bool

  /// - Precondition: every shape broadcasts to `shape`.
  init(_ shapes: [[Int]], to shape: [Int]) {
    let all = shapes.map { broadcastStrides($0, to: shape) }
    var sizes: [Int] = [], strides: [[Int]] = []
    for axis in shape.indices where shape[axis] != 1 {
      let next = all.map { $0[axis] }
      if let last = strides.last, zip(last, next).allSatisfy({ $0 == $1 * shape[axis] }) {
        sizes[sizes.count - 1] *= shape[axis]
        strides[strides.count - 1] = next
      } else {
        sizes.append(shape[axis])
        strides.append(next)
      }
    }
    rowLength = sizes.last ?? 1
    rowStrides = strides.last ?? shapes.map { _ in 0 }
    outerSizes = Array(sizes.dropLast())
    outerStrides = Array(strides.dropLast())
    operandCount = shapes.count
    isEmpty = shape.contains(0)
  }

  /// Calls `body` for every row: where it starts in the result, and in each operand.
  func forEachRow(_ body: (_ start: Int, _ operandStarts: [Int]) -> Void) {
    if isEmpty { return }
    var starts = Array(repeating: 0, count: operandCount)
    var index = Array(repeating: 0, count: outerSizes.count)
    var start = 0
    while true {
      body(start, starts)
      start += rowLength
      var axis = outerSizes.count - 1
      while axis >= 0 {
        index[axis] += 1
        for operand in starts.indices { starts[operand] += outerStrides[axis][operand] }
        if index[axis] < outerSizes[axis] { break }
        for operand in starts.indices {
          starts[operand] -= outerStrides[axis][operand] * outerSizes[axis]
        }
        index[axis] = 0
        axis -= 1
      }
      if axis < 0 { return }
    }
  }
}

/// Strides of a tensor over the axes of the shape it is broadcast to: 0 along those it repeats on.
func broadcastStrides(_ shape: [Int], to target: [Int]) -> [Int] {
  let own = rowMajorStrides(shape), offset = target.count - shape.count
  return target.indices.map { axis in
    axis < offset || shape[axis - offset] == 1 ? 0 : own[axis - offset]
  }
}

/// `body` of every pair of elements, broadcast to `shape`.
func broadcast<A, B, Result>(
  _ a: Tensor<A>, _ b: Tensor<B>, to shape: [Int], _ body: (A, B) -> Result
) -> Tensor<Result> {
  let walk = BroadcastWalk([a.shape, b.shape], to: shape)
  let x = a.elements, y = b.elements
  var result = [Result](repeating: .zero, count: shape.reduce(1, *))
  let stepX = walk.rowStrides[0], stepY = walk.rowStrides[1]
  walk.forEachRow { start, starts in
    var i = starts[0], j = starts[1]
    for k in start..<start + walk.rowLength {
      result[k] = body(x[i], y[j])
      i += stepX
      j += stepY
    }
  }
  return Tensor(shape: shape, result)
}

/// The tensor repeated to `shape`.
func broadcast<Scalar>(_ x: Tensor<Scalar>, to shape: [Int]) -> Tensor<Scalar> {
  if x.shape == shape { return x }
  let walk = BroadcastWalk([x.shape], to: shape), elements = x.elements
  var result = [Scalar](repeating: .zero, count: shape.reduce(1, *))
  walk.forEachRow { start, starts in
    var i = starts[0]
    for k in start..<start + walk.rowLength {
      result[k] = elements[i]
      i += walk.rowStrides[0]
    }
  }
  return Tensor(shape: shape, result)
}

/// Folds the elements of `x` into a tensor of `shape`, which broadcasts to the shape of `x`.
func reduce<Scalar, Result>(
  _ x: Tensor<Scalar>, to shape: [Int], from initial: Result,
  _ combine: (Result, Scalar) -> Result
) -> Tensor<Result> {
  let walk = BroadcastWalk([shape], to: x.shape), elements = x.elements
  var result = [Result](repeating: initial, count: shape.reduce(1, *))
  let step = walk.rowStrides[0]
  walk.forEachRow { start, starts in
    if step == 0 {
      var value = result[starts[0]]
      for k in start..<start + walk.rowLength { value = combine(value, elements[k]) }
      result[starts[0]] = value
    } else {
      var i = starts[0]
      for k in start..<start + walk.rowLength {
        result[i] = combine(result[i], elements[k])
        i += step
      }
    }
  }
  return Tensor(shape: shape, result)
}

/// The sums of `x` to `shape`, which broadcasts to the shape of `x`; added up in double precision.
func sum<T: ReferenceFloat>(_ x: Tensor<T>, to shape: [Int]) -> Tensor<T> {
  if x.shape == shape { return x }
  return reduce(x, to: shape, from: 0.0) { $0 + Double($1) }.map { T($0) }
}
