import QATCore
import QATIR

// What evaluations of quantized operations read: codes as integers, parameters per tensor or
// channel.
extension EvaluationCall {
  /// The codes of a required operand.
  func codes(_ index: Int) -> [Int] { self[index].integers ?? [] }

  /// The codes of an operand minus its zero point: one for all, or one for each channel, which the
  /// row-major offset of an element gives.
  func centred(_ index: Int, zeroPoints: [Int], channel: (Int) -> Int = { _ in 0 }) -> [Int32] {
    let codes = codes(index)
    if zeroPoints.count == 1 { return codes.map { Int32(truncatingIfNeeded: $0 - zeroPoints[0]) } }
    return codes.indices.map { Int32(truncatingIfNeeded: codes[$0] - zeroPoints[channel($0)]) }
  }

  /// The zero points of an operand that may be absent, which stands for 0.
  func zeroPoints(_ index: Int) -> [Int] { optional(index)?.integers ?? [0] }

  /// The scales of an operand, in f32.
  /// - Throws: `unsupported` for what is no float type; i32 is exact up to 2²⁴.
  func scales(_ index: Int) throws(Diagnostic) -> [Float] {
    guard let scales = self[index].floats ?? self[index].integers?.map({ Float($0) }) else {
      throw unsupportedElement(self[index].element)
    }
    return scales
  }

  /// The parameters of a tensor of codes with one scale.
  func parameters(
    scale: Int, zeroPoint: Int, codes element: ElementType
  ) throws(Diagnostic) -> AffineGrid {
    guard let grid = IntegerGrid(codesOf: element) else { throw unsupportedElement(element) }
    return AffineGrid(
      scale: try scales(scale)[0], zeroPoint: zeroPoints(zeroPoint)[0], grid: grid)
  }

  /// A result of codes.
  func result(_ codes: [Int], _ index: Int = 0) -> AnyTensor {
    AnyTensor(resultTypes[index].element, shape: shape(index), integers: codes)
  }
}

extension [Float] {
  /// The element of a channel, or the only one.
  func channel(_ index: Int) -> Float { count == 1 ? self[0] : self[index] }
}
