public import QATCore
public import QATIR
import QATKernels

/// Evaluates one operation on tensors as a plan would: with its kernel, where it has one.
///
/// For large constants, where the reference evaluation takes seconds.
public struct KernelEvaluator {
  private let pool = ThreadPool(threads: 1)

  /// An evaluator of one thread.
  public init() {}

  /// - Parameters:
  ///   - operands: `nil` for absent ones.
  ///   - types: the results' types, all sizes known.
  /// - Returns: the results, or `nil` where the operation has no kernel for these types.
  /// - Throws: what the kernel refuses.
  public func evaluate(
    _ op: any Operation, _ operands: [AnyTensor?], as types: [TensorType]
  ) throws(Diagnostic) -> [AnyTensor]? {
    guard let executable = op as? any Executable else { return nil }
    let request = KernelRequest(
      operands: operands.map { $0?.type }, results: types.map(Optional.some),
      constants: operands, pool: pool)
    guard let kernel = try executable.kernel(for: request) else { return nil }
    let results = types.map { VariableBuffer($0.element, shape: $0.shape?.sizes ?? []) }
    let scratch = VariableBuffer(.u8, shape: [kernel.scratchByteCount])
    try kernel.run(
      KernelCall(
        operands: operands.map { $0.map { TensorView($0) } }, results: results.map(\.view),
        scratch: scratch.view))
    return results.map(\.tensor)
  }
}
