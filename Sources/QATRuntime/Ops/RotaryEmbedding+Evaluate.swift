import QATCore
import QATIR

extension RotaryEmbedding: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: T.self), heads = HeadPlaces(x.shape, heads: headCount)
    let cos = call.tensor(1, as: T.self).elements, sin = call.tensor(2, as: T.self).elements
    let half = call[1].shape[call[1].shape.count - 1]
    let positions = call.optional(3)?.integers
    if let positions { try checkPositions(positions, below: call[1].shape[0]) }
    var y = x.elements
    for entry in 0..<heads.batch {
      for step in 0..<heads.length {
        let row = entry * heads.length + step, angles = (positions?[row] ?? row) * half
        for head in 0..<heads.count {
          let start = heads.offset(entry, head, step)
          for i in 0..<half {
            let a = start + (interleaved ? 2 * i : i), b = interleaved ? a + 1 : a + half
            let c = cos[angles + i], s = sin[angles + i]
            y[a] = c * x.elements[a] - s * x.elements[b]
            y[b] = s * x.elements[a] + c * x.elements[b]
          }
        }
      }
    }
    return [AnyTensor(shape: x.shape, y)]
  }
}

/// - Throws: `invalid-data` for a position outside the tables.
func checkPositions(_ positions: [Int], below count: Int) throws(Diagnostic) {
  if let wrong = positions.first(where: { !(0..<count).contains($0) }) {
    throw Diagnostic(.invalidData, "position \(wrong) is outside a table of \(count)")
  }
}

/// Where the heads of [B,heads,L,D] or [B,L,heads · D] lie.
struct HeadPlaces {
  let batch: Int, count: Int, length: Int, size: Int
  /// Elements from an entry, a head, a step to the next.
  let entryStep: Int, headStep: Int, step: Int

  /// - Parameter heads: how many, where the rank is 3.
  init(_ shape: [Int], heads: Int?) {
    batch = shape[0]
    if shape.count == 4 {
      (count, length, size) = (shape[1], shape[2], shape[3])
      (headStep, step) = (length * size, size)
    } else {
      count = heads ?? 1
      (length, size) = (shape[1], shape[2] / count)
      (headStep, step) = (size, count * size)
    }
    entryStep = count * length * size
  }

  /// The first element of a head at a step.
  func offset(_ entry: Int, _ head: Int, _ position: Int) -> Int {
    entry * entryStep + head * headStep + position * step
  }
}
