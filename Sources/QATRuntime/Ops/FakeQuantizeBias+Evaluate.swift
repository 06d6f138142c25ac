import QATCore
import QATIR
import QATKernels

extension FakeQuantizeBias: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    if bypass { return [call[0]] }
    let b = call.tensor(0, as: T.self), xScale = call.tensor(1, as: T.self).elements[0]
    let rounded = rounded(b.elements, xScale, call.tensor(2, as: T.self).elements)
    return [AnyTensor(shape: b.shape, rounded)]
  }

  private func rounded<T: ReferenceFloat>(_ b: [T], _ xScale: T, _ wScales: [T]) -> [T] {
    let scales = wScales.map { xScale * $0 }
    return b.enumerated().map { channel, number -> T in
      let scale = scales.count == 1 ? scales[0] : scales[channel]
      let rounded = (number / scale).rounded(.toNearestOrEven)
      if rounded.isNaN { return 0 }
      return (T.minimum(T.maximum(rounded, T(Int32.min)), T(Int32.max)) + 0) * scale
    }
  }
}

extension FakeQuantizeBias: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard (0...2).allSatisfy({ request.element($0) == .f32 }) else { return nil }
    let op = self
    return Kernel { call in
      if op.bypass { return call.result().copy(from: call[0]) }
      let y = op.rounded(call[0].floats, FloatLoops.scalar(call[1]), call[2].floats)
      call.result().write(y)
    }
  }
}
