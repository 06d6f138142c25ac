#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The rule of QLinearSoftmax, as ONNX Runtime computes it:
///
///     t[d] = f32(exp((d + shift/sx)·sx))           d = code - largest code of the row, in float64
///     p    = rint((t·floor(1/sy)) / Σ t) + zy      in float32, the sum in order
///
/// `shift = max(0, log(f32.max/n) - 5)` makes use of float32's range. Because 1/sy is truncated,
/// the rule says what the scales mean only where 1/sy is an integer: `sy = 1/256` with the lowest
/// code as zero point is the form to emit.
public struct QuantizedSoftmax: Sendable {
  /// By the distance from the largest code of the row, 0…255.
  private let exponentials: [Float]
  private let steps: Float
  private let y: AffineGrid

  /// - Parameter count: elements in a row, > 0.
  public init(count: Int, from x: AffineGrid, to y: AffineGrid) {
    let scale = Double(x.scale)
    let room = log(Double(Float.greatestFiniteMagnitude / Float(count)))
    let shift = Swift.max(0, room - 5) / scale
    exponentials = (0..<256).map { Float(exp((shift - Double($0)) * scale)) }
    steps = (1 / y.scale).rounded(.down)
    self.y = y
  }

  /// The codes of the probabilities of one row.
  public func callAsFunction(_ row: [Int]) -> [Int] {
    guard let largest = row.max() else { return [] }
    let terms = row.map { exponentials[largest - $0] }
    let sum = terms.reduce(0, +)
    return terms.map {
      saturate((($0 * steps) / sum).rounded(.toNearestOrEven), plus: y.zeroPoint, to: y.grid)
    }
  }
}
