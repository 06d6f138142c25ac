import QATCore
import QATIR
import QATKernels

extension CodeTable: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let table = call.codes(1)
    return [call.result(call.codes(0).map { table[$0 & 255] })]
  }
}

extension CodeTable: Executable {
  /// With a constant table.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard let entries = request.constant(1)?.integers else { return nil }
    let table = entries.map { UInt8(truncatingIfNeeded: $0) }
    return elementKernel(request) { x, y in CodeLoops.lookUp(x, table: table, y) }
  }
}
