import QATCore
import QATIR

/// Which keys each query of an attention sees, and what a mask adds to its scores.
struct AttentionBias {
  private let op: Attention
  private let queries: Int, keys: Int
  /// Where the mask's rows lie: elements from an entry, a head, a query, a key to the next.
  private let mask: [Double]?
  private let strides: [Int]
  private let maskLength: Int
  /// How many keys of each entry hold something.
  private let lengths: [Int]?
  private let past: Int

  /// - Parameter scores: [B,Hq,Lq,P + Lk].
  init(_ op: Attention, _ call: EvaluationCall, scores: [Int]) throws(Diagnostic) {
    self.op = op
    (queries, keys) = (scores[2], scores[3])
    past = call.optional(4)?.shape[2] ?? 0
    lengths = call.optional(6)?.integers
    if let lengths { try checkLengths(lengths, keys: keys) }
    guard let tensor = call.optional(3) else {
      (mask, strides, maskLength) = (nil, [], keys)
      return
    }
    guard let numbers = tensor.doubles else { throw call.unsupportedElement(tensor.element) }
    mask = tensor.element == .bool ? numbers.map { $0 == 0 ? -.infinity : 0 } : numbers
    maskLength = tensor.shape.last ?? keys
    strides = broadcastStrides(tensor.shape, to: Array(scores.dropLast()) + [maskLength])
  }

  /// The keys that a query may see, whatever a mask says.
  private func visible(_ entry: Int, _ query: Int) -> Range<Int> {
    let length = lengths?[entry] ?? keys
    let position = query + (lengths == nil ? past : length - queries)
    var first = 0, end = min(length, maskLength)
    if op.isCausal { end = min(end, position + 1) }
    if op.rightWindow >= 0 { end = min(end, position + 1 + min(op.rightWindow, keys + queries)) }
    if op.leftWindow >= 0 { first = position - min(op.leftWindow, keys + queries) }
    end = max(0, end)
    return min(max(0, first), end)..<end
  }

  /// What is added to the scores of a query.
  func row<T: ReferenceFloat>(_ entry: Int, _ head: Int, _ query: Int, as: T.Type) -> [T] {
    var row = [T](repeating: -.infinity, count: keys)
    for key in visible(entry, query) {
      guard let mask else { row[key] = 0; continue }
      let start = entry * strides[0] + head * strides[1] + query * strides[2]
      row[key] = T(mask[start + key * strides[3]])
    }
    return row
  }
}

/// - Throws: `invalid-data` where an entry of an attention's cache holds more keys than there are.
func checkLengths(_ lengths: [Int], keys: Int) throws(Diagnostic) {
  if let wrong = lengths.first(where: { !(0...keys).contains($0) }) {
    throw Diagnostic(.invalidData, "nonpad_kv_seqlen has an entry \(wrong), there are \(keys) keys")
  }
}
