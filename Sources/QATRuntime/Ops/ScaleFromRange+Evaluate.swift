import QATCore
import QATIR
import QATKernels

extension ScaleFromRange: FloatEvaluable {
  /// Computes in float32 whatever `T` is: scales are float32 when deployed.
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let result = try parameters(
      low: call.tensor(0, as: T.self).elements.map { Float($0) },
      high: call.tensor(1, as: T.self).elements.map { Float($0) })
    return [
      AnyTensor(shape: call.shape(0), result.map { T($0.scale) }),
      AnyTensor(shape: call.shape(1), result.map { Int32($0.zeroPoint) }),
    ]
  }

  private func parameters(low: [Float], high: [Float]) throws(Diagnostic) -> [AffineGrid] {
    guard low.allSatisfy(\.isFinite), high.allSatisfy(\.isFinite) else {
      throw Diagnostic(
        .invalidData, "a range holds NaN or infinity", hint: "observe finite data before training")
    }
    let low = low.map { max($0, lowest ?? $0) }, high = high.map { min($0, highest ?? $0) }
    let parameters = RangeToParameters(grid: grid, scheme: scheme, powerOfTwo: powerOfTwo)
    let largest = zip(low, high).map { max(abs($0), abs($1)) }.max() ?? 0
    return zip(low, high).map { parameters(min: $0, max: $1, tensorMaximum: largest) }
  }
}

extension ScaleFromRange: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32, request.shape(0) == request.shape(1) else { return nil }
    let op = self
    return Kernel { (call) throws(Diagnostic) in
      let result = try op.parameters(low: call[0].floats, high: call[1].floats)
      call.result(0).write(result.map(\.scale))
      call.result(1).write(result.map { Int32($0.zeroPoint) })
    }
  }
}
