import QATCore
import QATIR
import QATKernels

extension QuantizeWithMask: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: Float.self), scales = try call.scales(1)
    let zeros = call.zeroPoints(2)
    let granularity = try Granularity(of: x.shape, axis: axis, blockSize: 0)
    var mask = Array(repeating: UInt8(0), count: (x.elements.count + 7) / 8)
    let codes = x.elements.enumerated().map { index, value in
      let parameter = granularity.parameter(of: index), zero = Float(zeros[parameter])
      let rounded = (value / scales[parameter]).rounded(.toNearestOrEven)
      let low = Float(grid.min) - zero, high = Float(grid.max) - zero
      if low <= rounded, rounded <= high, !positive || value > 0 {
        mask[index / 8] |= 1 << (index % 8)
      }
      return rounded.isNaN ? Int(zero) : Int(min(max(rounded, low), high) + zero)
    }
    return [call.result(codes), AnyTensor(shape: [mask.count], mask)]
      .prefix(call.resultTypes.count).map(\.self)
  }
}

extension QuantizeWithMask: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let wantsMask = request.results.count > 1 && request.results[1] != nil
    guard axis == nil || !wantsMask else { return nil }
    let layout = CodeLayout(shape: request.shape(0), axis: axis)
    let range = grid.codeRange, positive = positive, pool = request.pool
    return Kernel { call in
      layout.share(pool) { layout, part in
        if wantsMask {
          QuantizationKernels.quantize(
            x: call[0][part], scale: call[1], zero: call[2], range: range, positive: positive,
            q: call.result()[part], mask: call.result(1)[bytes(of: part)])
        } else {
          QuantizationKernels.quantize(
            layout, x: call[0][part], scale: call[1], zero: call[2], range: range,
            q: call.result()[part])
        }
      }
    }
  }
}

extension ApplyMask: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let dy = call.tensor(0, as: Float.self), mask = call.tensor(1, as: UInt8.self).elements
    return [
      AnyTensor(
        shape: dy.shape,
        dy.elements.enumerated().map { mask[$0 / 8] >> ($0 % 8) & 1 == 1 ? $1 : 0 })
    ]
  }
}

extension ApplyMask: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let pool = request.pool
    return Kernel { call in
      pool.share(call.result().count) { part in
        QuantizationKernels.applyMask(
          dy: call[0][part], mask: call[1][bytes(of: part)], dx: call.result()[part])
      }
    }
  }
}

extension ApplyMask: OverwritesOperand {
  public func overwritableOperands(by result: Int) -> [Int] { result == 0 ? [0] : [] }
}

/// Where the bits of elements lie, the first of which is that of a byte.
private func bytes(of part: Range<Int>) -> Range<Int> {
  part.lowerBound / 8..<(part.upperBound + 7) / 8
}

extension DequantizeCodes: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let scales = try call.scales(1), zeros = call.zeroPoints(2)
    let granularity = try Granularity(of: call[0].shape, axis: axis, blockSize: 0)
    let x = call.codes(0).enumerated().map { index, code in
      let parameter = granularity.parameter(of: index)
      return Float(code - zeros[parameter]) * scales[parameter]
    }
    return [AnyTensor(shape: call[0].shape, x)]
  }
}

extension DequantizeCodes: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let layout = CodeLayout(shape: request.shape(0), axis: axis), pool = request.pool
    return Kernel { call in
      layout.share(pool) { layout, part in
        QuantizationKernels.dequantize(
          layout, q: call[0][part], scale: call[1], zero: call[2], x: call.result()[part])
      }
    }
  }
}
