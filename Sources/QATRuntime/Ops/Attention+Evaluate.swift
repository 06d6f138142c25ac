import QATCore
import QATIR

extension Attention: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    try call.requireElement(T.elementType, [2, 5])
    let q = call.tensor(0, as: T.self), places = HeadPlaces(q.shape, heads: queryHeadCount)
    let k = try joined(call, past: 4, new: 1, as: T.self)
    let v = try joined(call, past: 5, new: 2, as: T.self)
    let heads = HeadPlaces(k.shape, heads: nil), values = HeadPlaces(v.shape, heads: nil)
    let factor = T(scale ?? 1 / Float(places.size).squareRoot()), cap = T(softcap)
    let group = places.count / max(heads.count, 1)
    let sizes = [places.batch, places.count, places.length]
    let biases = try AttentionBias(self, call, scores: sizes + [heads.length])
    var y = [T](repeating: 0, count: sizes.reduce(1, *) * values.size)
    var stages = [T](repeating: 0, count: sizes.reduce(1, *) * heads.length)
    let results = HeadPlaces(
      q.rank == 4 ? sizes + [values.size] : [sizes[0], sizes[2], sizes[1] * values.size],
      heads: sizes[1])
    for entry in 0..<places.batch {
      for head in 0..<places.count {
        for query in 0..<places.length {
          let a = places.offset(entry, head, query)
          let product = (0..<heads.length).map { key in
            let b = heads.offset(entry, head / group, key)
            let sum = (0..<places.size).reduce(T(0)) {
              $0 + q.elements[a + $1] * k.elements[b + $1]
            }
            return factor * sum
          }
          let capped = cap > 0 ? product.map { cap * T.tanh($0 / cap) } : product
          let bias = biases.row(entry, head, query, as: T.self)
          let biased = zip(capped, bias).map { $0 + $1 }
          let p = bias.allSatisfy({ $0 == -.infinity }) ? bias.map { _ in 0 } : softmax(biased)
          let target = results.offset(entry, head, query)
          for (key, weight) in p.enumerated() {
            let b = values.offset(entry, head / group, key)
            for i in 0..<values.size { y[target + i] += weight * v.elements[b + i] }
          }
          let stage = [product, capped, biased, p][scoreStage.rawValue]
          let row = ((entry * places.count + head) * places.length + query) * heads.length
          stages.replaceSubrange(row..<row + heads.length, with: stage)
        }
      }
    }
    let all = [
      AnyTensor(shape: call.shape(), y), AnyTensor(k), AnyTensor(v),
      AnyTensor(shape: sizes + [heads.length], stages),
    ]
    return Array(all.prefix(call.resultTypes.count))
  }

  /// Past and new keys or values, as [B,heads,length,size].
  private func joined<T: ReferenceFloat>(
    _ call: EvaluationCall, past: Int, new: Int, as: T.Type
  ) throws(Diagnostic) -> Tensor<T> {
    let x = call.tensor(new, as: T.self), from = HeadPlaces(x.shape, heads: keyHeadCount)
    let before = call.optional(past).map { _ in call.tensor(past, as: T.self) }
    let pastLength = before?.shape[2] ?? 0
    var result = Tensor<T>(shape: [from.batch, from.count, pastLength + from.length, from.size])
    for entry in 0..<from.batch {
      for head in 0..<from.count {
        for step in 0..<pastLength + from.length {
          for i in 0..<from.size {
            result[entry, head, step, i] =
              step < pastLength
              ? before?[entry, head, step, i] ?? 0
              : x.elements[from.offset(entry, head, step - pastLength) + i]
          }
        }
      }
    }
    return result
  }

  private func softmax<T: ReferenceFloat>(_ x: [T]) -> [T] {
    let largest = x.reduce(-T.infinity) { max($0, $1) }
    let powers = x.map { T.exp($0 - largest) }
    let total = powers.reduce(0, +)
    return powers.map { $0 / total }
  }
}
