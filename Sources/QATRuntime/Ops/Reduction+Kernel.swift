import QATCore
import QATIR
import QATKernels

// Of floats; other element types are evaluated.

extension ReduceSum: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    try reduction(.sum, request)
  }
}
extension ReduceMean: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    try reduction(.mean, request)
  }
}
extension ReduceMax: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    try reduction(.max, request)
  }
}
extension ReduceMin: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    try reduction(.min, request)
  }
}
extension ReduceSumSquare: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    try reduction(.sumOfSquares, request)
  }
}
extension ReduceL2: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard let squares = try reduction(.sumOfSquares, request) else { return nil }
    let pool = request.pool
    return Kernel(scratchByteCount: squares.scratchByteCount) { (call) throws(Diagnostic) in
      try squares.run(call)
      pool.share(call.result().count) { part in
        FloatLoops.unary(.sqrt, call.result()[part].readOnly, call.result()[part])
      }
    }
  }
}

extension Reduction {
  fileprivate func reduction(
    _ kind: RowKernels.Reduction, _ request: KernelRequest
  ) throws(Diagnostic) -> Kernel? {
    let shape = request.shape(0), axes = request.constant(1)?.integers
    guard request.element(0) == .f32, !shape.contains(0), axes != nil || !request.isPresent(1)
    else { return nil }
    let reduced = try reducedAxes(axes, rank: shape.count)
    let steps = ReductionStep.steps(kind, shape, over: Set(reduced))
    let divisor = Float(reduced.reduce(1) { $0 * shape[$1] }), pool = request.pool
    // A mean in several steps is a sum until the end.
    let divides = kind == .mean && steps.count > 1
    let between = steps.dropLast().map(\.count).reduce(0, +)
    return Kernel(scratchByteCount: 4 * (between + (divides ? 1 : 0))) { call in
      var source = call[0], start = 0
      for (index, step) in steps.enumerated() {
        let isLast = index == steps.count - 1
        let target = isLast ? call.result() : call.scratch?.floats(at: start, count: step.count)
        guard let target else { return }
        start += isLast ? 0 : step.count
        RowKernels.reduce(
          step.kind, outer: step.outer, axis: step.axis, inner: step.inner, x: source, y: target,
          pool)
        source = target.readOnly
      }
      guard divides, let number = call.scratch?.floats(at: between, count: 1) else { return }
      number.write([divisor])
      FloatLoops.binary(.divide, call.result().readOnly, number.readOnly, call.result())
    }
  }
}

/// A reduction along one run of neighbouring axes: [outer][axis][inner] to [outer][inner].
private struct ReductionStep {
  let kind: RowKernels.Reduction
  let outer: Int, axis: Int, inner: Int
  /// Elements of the result.
  var count: Int { outer * inner }

  /// One step for each run of reduced axes, the innermost first; axes of one element belong to any.
  static func steps(
    _ kind: RowKernels.Reduction, _ shape: [Int], over axes: Set<Int>
  ) -> [ReductionStep] {
    var runs: [Range<Int>] = []
    for axis in shape.indices where shape[axis] != 1 && axes.contains(axis) {
      if let last = runs.last, shape[last.upperBound..<axis].allSatisfy({ $0 == 1 }) {
        runs[runs.count - 1] = last.lowerBound..<axis + 1
      } else {
        runs.append(axis..<axis + 1)
      }
    }
    if runs.isEmpty { runs = [0..<0] }
    var sizes = shape, steps: [ReductionStep] = []
    for run in runs.reversed() {
      let sums = runs.count > 1 && (kind == .mean || (kind == .sumOfSquares && !steps.isEmpty))
      steps.append(
        ReductionStep(
          kind: sums ? .sum : kind, outer: sizes[..<run.lowerBound].reduce(1, *),
          axis: sizes[run].reduce(1, *), inner: sizes[run.upperBound...].reduce(1, *)))
      for axis in run { sizes[axis] = 1 }
    }
    return steps
  }
}

extension ArgMax: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    try search(smallest: false, request)
  }
}
extension ArgMin: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    try search(smallest: true, request)
  }
}

extension ExtremumSearch {
  fileprivate func search(
    smallest: Bool, _ request: KernelRequest
  ) throws(Diagnostic) -> Kernel? {
    let shape = request.shape(0), axis = try checkedAxis(axis, rank: shape.count)
    guard request.element(0) == .f32, !shape.contains(0) else { return nil }
    let outer = shape[..<axis].reduce(1, *), inner = shape[(axis + 1)...].reduce(1, *)
    let length = shape[axis], last = selectLastIndex
    return Kernel { call in
      RowKernels.indicesOfExtrema(
        smallest: smallest, last: last, outer: outer, axis: length, inner: inner, x: call[0],
        indices: call.result())
    }
  }
}
