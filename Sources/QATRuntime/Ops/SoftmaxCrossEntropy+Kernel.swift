import QATCore
import QATIR
import QATKernels

extension SoftmaxCrossEntropy: Executable {
  /// Of a matrix of logits, without class weights.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard let loss = CrossEntropy(request, logits: 0), !request.isPresent(2) else { return nil }
    let pool = request.pool
    return Kernel(scratchByteCount: loss.scratchByteCount) { (call) throws(Diagnostic) in
      guard let scratch = call.scratch else { return }
      let labels = try loss.labels(call[1])
      RowKernels.crossEntropy(
        classes: loss.classes, x: call[0], labels: labels, loss: call.result(), pool,
        scratch: scratch)
    }
  }
}

extension SoftmaxCrossEntropyGradient: Executable {
  /// Of a matrix of logits, without class weights.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard let loss = CrossEntropy(request, logits: 1), !request.isPresent(3) else { return nil }
    let pool = request.pool
    return Kernel(scratchByteCount: loss.scratchByteCount) { (call) throws(Diagnostic) in
      guard let scratch = call.scratch else { return }
      let labels = try loss.labels(call[2])
      RowKernels.crossEntropyGradient(
        classes: loss.classes, seed: FloatLoops.scalar(call[0]), x: call[1], labels: labels,
        dx: call.result(), pool, scratch: scratch)
    }
  }
}

/// The sizes of a loss whose logits are a float matrix.
private struct CrossEntropy {
  let rows: Int, classes: Int
  var scratchByteCount: Int { 4 * rows * (classes + 1) }

  init?(_ request: KernelRequest, logits: Int) {
    let shape = request.shape(logits)
    guard request.element(logits) == .f32, shape.count == 2, !shape.contains(0) else { return nil }
    (rows, classes) = (shape[0], shape[1])
  }

  /// - Throws: `invalid-data`, as the reference does.
  func labels(_ view: TensorView) throws(Diagnostic) -> [Int64] {
    let labels = view.int64s
    if let index = labels.firstIndex(where: { !(0..<Int64(classes)).contains($0) }) {
      throw ClassLabels.outside(Int(labels[index]), at: index, classes)
    }
    return labels
  }
}
