import QATCore
import QATIR
import QATKernels

// Over axes that lie side by side; others, and other element types, are evaluated.

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
    return Kernel { (call) throws(Diagnostic) in
      try squares.run(call)
      FloatLoops.unary(.sqrt, call.result().readOnly, call.result())
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
    let reduced = try reducedAxes(axes, rank: shape.count).filter { shape[$0] != 1 }
    let first = reduced.first ?? 0, end = reduced.last.map { $0 + 1 } ?? 0
    guard (first..<end).allSatisfy({ shape[$0] == 1 || reduced.contains($0) }) else { return nil }
    let outer = shape[..<first].reduce(1, *), axis = shape[first..<end].reduce(1, *)
    let inner = shape[end...].reduce(1, *)
    return Kernel { call in
      RowKernels.reduce(
        kind, outer: outer, axis: axis, inner: inner, x: call[0], y: call.result())
    }
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
