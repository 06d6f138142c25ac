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
    guard let kernel = try kernel(of: op, operands, as: types) else { return nil }
    let scratch = VariableBuffer(.u8, shape: [kernel.scratchByteCount])
    return try AnyTensor.filled(types) { (results) throws(Diagnostic) in
      try kernel.run(
        KernelCall(
          operands: operands.map { $0.map { TensorView($0) } }, results: results,
          scratch: scratch.view))
    }
  }

  private func kernel(
    of op: any Operation, _ operands: [AnyTensor?], as types: [TensorType]
  ) throws(Diagnostic) -> Kernel? {
    guard let executable = op as? any Executable else { return nil }
    return try executable.kernel(
      for: KernelRequest(
        operands: operands.map { $0?.type }, results: types.map(Optional.some),
        constants: operands, pool: pool))
  }

  /// What element-wise arithmetic makes of a tensor of a mapped file and small ones, made again each time
  /// that somebody looks at it.
  ///
  /// - Parameter type: the result's, its sizes known.
  /// - Returns: `nil` for another operation, and where the file's bytes are fewer than the result's:
  ///   keeping those would cost what it saves.
  public func derived(
    _ op: any Operation, _ operands: [AnyTensor], as type: TensorType
  ) throws(Diagnostic) -> AnyTensor? {
    let types = [type]
    let large = operands.filter { 16 * $0.storage.byteCount > type.byteCount ?? 0 }
    guard op is any BinaryFormula, let byteCount = type.byteCount,
      byteCount >= DerivedStorage.smallest, large.count == 1, large[0].storage.isMapped,
      large[0].storage.byteCount == byteCount, large[0].element == .f32,
      try kernel(of: op, operands, as: types) != nil
    else { return nil }
    let storage = DerivedStorage(byteCount: byteCount) {
      // There is a kernel, and arithmetic does not judge what it reads.
      guard let made = try? KernelEvaluator().evaluate(op, operands, as: types)?.first else {
        preconditionFailure("\(op.name) has a kernel for \(type)")
      }
      large[0].storage.forget(0..<byteCount)
      return made.storage
    }
    return AnyTensor(type.element, shape: type.shape?.sizes ?? [], storage: storage)
  }
}
