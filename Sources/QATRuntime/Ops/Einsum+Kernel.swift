import QATCore
import QATIR
import QATKernels

extension Einsum: Executable {
  /// Two tensors of floats, as a stack of matrix products.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.operands.count == 2, request.element(0) == .f32,
      let product = try ContractedAxes(equation, request.shape(0), request.shape(1)),
      let first = product.move(.first, from: 0), let second = product.move(.second, from: 1),
      let last = product.moveResult()
    else { return nil }
    let m = product.count(product.rows), n = product.count(product.columns)
    let k = product.count(product.inner), batch = product.count(product.batch), pool = request.pool
    guard m * n * k * batch > 0 else { return nil }
    // What the matrices are copied to.
    var layout = ScratchLayout()
    let left = layout.add(.f32, [batch * m * k]), right = layout.add(.f32, [batch * k * n])
    let result = layout.add(.f32, [batch * m * n])
    let rest = layout.add(byteCount: FloatProduct.scratchByteCount(pool))
    return Kernel(scratchByteCount: layout.byteCount) { call in
      guard let scratch = call.scratch else { return }
      let a = scratch[left], b = scratch[right], y = scratch[result]
      first(call[0], a)
      second(call[1], b)
      FloatProduct.run(
        m: m, n: n, k: k, a: a.readOnly, transposeA: false, b: b.readOnly, transposeB: false,
        c: y, batch: batch, steps: (m * k, k * n), pool, scratch: scratch[rest])
      last(y.readOnly, call.result())
    }
  }
}

/// The axes of an equation of two operands, as those of matrices: [batch, rows, inner] times
/// [batch, inner, columns].
private struct ContractedAxes {
  typealias Axis = EinsumEquation.Axis
  enum Matrix { case first, second, result }

  private(set) var batch: [Axis] = [], rows: [Axis] = [], columns: [Axis] = [], inner: [Axis] = []
  private var lengths: [Axis: Int] = [:]
  private let inputs: [[Axis]], output: [Axis]

  /// - Returns: `nil` where an axis stands twice in a term, broadcasts, or is one operand's alone
  ///   and summed.
  init?(_ equation: String, _ a: [Int], _ b: [Int]) throws(Diagnostic) {
    (inputs, output) = try EinsumEquation(equation).axes(ranks: [a.count, b.count])
    for (names, sizes) in zip(inputs, [a, b]) {
      guard Set(names).count == names.count else { return nil }
      for (name, size) in zip(names, sizes) {
        guard lengths[name] ?? size == size else { return nil }
        lengths[name] = size
      }
    }
    for name in inputs[0] + inputs[1].filter({ !inputs[0].contains($0) }) {
      switch (inputs[0].contains(name), inputs[1].contains(name), output.contains(name)) {
      case (true, true, true): batch.append(name)
      case (true, false, true): rows.append(name)
      case (false, true, true): columns.append(name)
      case (true, true, false): inner.append(name)
      default: return nil
      }
    }
  }

  func count(_ axes: [Axis]) -> Int { axes.reduce(1) { $0 * (lengths[$1] ?? 1) } }

  private func axes(_ matrix: Matrix) -> [Axis] {
    switch matrix {
    case .first: batch + rows + inner
    case .second: batch + inner + columns
    case .result: batch + rows + columns
    }
  }

  /// Copies an operand to a matrix.
  func move(_ matrix: Matrix, from operand: Int) -> Move? {
    let sizes = axes(matrix).map { lengths[$0] ?? 1 }
    return Move(sizes, from: strides(of: inputs[operand], in: matrix), to: rowMajorStrides(sizes))
  }

  /// Copies the product to the result.
  func moveResult() -> Move? {
    let sizes = axes(.result).map { lengths[$0] ?? 1 }
    return Move(sizes, from: rowMajorStrides(sizes), to: strides(of: output, in: .result))
  }

  /// How far neighbours along the axes of a matrix are apart in a tensor of these axes.
  private func strides(of names: [Axis], in matrix: Matrix) -> [Int] {
    let strides = rowMajorStrides(names.map { lengths[$0] ?? 1 })
    return axes(matrix).map { name in names.firstIndex(of: name).map { strides[$0] } ?? 0 }
  }
}
