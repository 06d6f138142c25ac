import QATCore
import QATIR
import QATKernels

// What decides in a step whether something is done yet; other conditions are evaluated.

extension GreaterOrEqual: Executable {
  /// Of two integers.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .i64, request.resultShape().reduce(1, *) == 1 else { return nil }
    return Kernel { call in call.result().write([call[0].int64s[0] >= call[1].int64s[0]]) }
  }
}

extension Where: Executable {
  /// One condition for all elements; of the other operands one may be a single number.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(1) == .f32, request.shape(0).reduce(1, *) == 1 else { return nil }
    let count = request.resultShape().reduce(1, *)
    guard [1, 2].allSatisfy({ [1, count].contains(request.shape($0).reduce(1, *)) }) else {
      return nil
    }
    return Kernel { call in
      let chosen = call[call[0].isTrue ? 1 : 2], result = call.result()
      if chosen.count == result.count { return result.copy(from: chosen) }
      result.write(Array(repeating: FloatLoops.scalar(chosen), count: result.count))
    }
  }
}
