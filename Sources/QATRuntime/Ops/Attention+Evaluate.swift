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
    let sizes = [places.batch, places.count, places.length]
    let biases = try AttentionBias(self, call, scores: sizes + [heads.length])
    let group = places.count / max(heads.count, 1), wantsScores = call.resultTypes.count > 3
    var y = [T](repeating: 0, count: call.shape().reduce(1, *)), scores: [T] = []
    let results = HeadPlaces(call.shape(), heads: queryHeadCount)
    for entry in 0..<places.batch {
      for head in 0..<places.count {
        for query in 0..<places.length {
          let start = places.offset(entry, head, query)
          let keys = (0..<heads.length).map { heads.offset(entry, head / group, $0) }
          let stages = stages(
            of: q.elements[start..<start + places.size], k.elements, at: keys,
            bias: biases.row(entry, head, query, as: T.self))
          if wantsScores { scores += stages[scoreStage.rawValue] }
          let target = results.offset(entry, head, query)
          for (key, weight) in stages[3].enumerated() {
            let value = values.offset(entry, head / group, key)
            for i in 0..<values.size { y[target + i] += weight * v.elements[value + i] }
          }
        }
      }
    }
    var all = [AnyTensor(shape: call.shape(), y), AnyTensor(k), AnyTensor(v)]
    if wantsScores { all.append(AnyTensor(shape: call.shape(3), scores)) }
    return Array(all.prefix(call.resultTypes.count))
  }

  /// The scores of one query with every key: products, capped, biased, probabilities.
  private func stages<T: ReferenceFloat>(
    of query: ArraySlice<T>, _ k: [T], at keys: [Int], bias: [T]
  ) -> [[T]] {
    let factor = T(scale ?? 1 / Float(query.count).squareRoot()), cap = T(softcap)
    let products = keys.map { key in
      factor * zip(query, k[key..<key + query.count]).reduce(T(0)) { $0 + $1.0 * $1.1 }
    }
    let capped = cap > 0 ? products.map { cap * T.tanh($0 / cap) } : products
    let biased = zip(capped, bias).map { $0 + $1 }
    let seesNothing = bias.allSatisfy { $0 == -.infinity }
    return [products, capped, biased, seesNothing ? bias.map { _ in 0 } : softmax(biased)]
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
