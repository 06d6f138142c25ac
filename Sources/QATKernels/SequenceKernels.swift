internal import CQATKernels
import QATCore

/// Where the heads of a tensor lie: elements from an entry, a head, a step to the next.
public struct HeadStrides: Sendable {
  public let entry: Int, head: Int, step: Int
  /// A head at the last step of the last entry must lie inside the tensor.
  public init(entry: Int, head: Int, step: Int) {
    (self.entry, self.head, self.step) = (entry, head, step)
  }

  /// How many elements a tensor has at least.
  func reach(entries: Int, heads: Int, steps: Int, size: Int) -> Int {
    entry * (entries - 1) + head * (heads - 1) + step * (steps - 1) + size
  }

  var places: qat_heads { qat_heads(entry: Int64(entry), head: Int64(head), step: Int64(step)) }
}

/// Attention of float heads.
public struct AttentionKernel: Sendable {
  /// What is added to the scores, or which of them are seen.
  public struct Mask: Sendable {
    /// Elements from an entry, a head, a query, a key to the next; 0 where the mask repeats.
    public let strides: [Int]
    /// Of how many keys it speaks.
    public let length: Int
    public init(strides: [Int], length: Int) { (self.strides, self.length) = (strides, length) }
  }

  public var batch = 1, heads = 1, keyHeads = 1, queries = 1, keys = 1, size = 1, valueSize = 1
  public var query = HeadStrides(entry: 0, head: 0, step: 0)
  public var key = HeadStrides(entry: 0, head: 0, step: 0)
  public var value = HeadStrides(entry: 0, head: 0, step: 0)
  public var result = HeadStrides(entry: 0, head: 0, step: 0)
  public var scale: Float = 1, softcap: Float = 0
  public var isCausal = false
  /// Windows; -1 for none.
  public var left = -1, right = -1
  /// Keys in front of the first query.
  public var past = 0
  public var mask: Mask?
  /// Which scores are wanted: 0 products, 1 capped, 2 biased, 3 probabilities.
  public var stage = 0

  public init() {}

  public func scratchByteCount(_ pool: ThreadPool) -> Int {
    qat_attention_scratch(Int64(queries), Int64(keys)) * 4 * pool.threads
  }

  /// - Parameters:
  ///   - mask: floats, or truth values. - lengths: i64[batch], each in 0...keys.
  ///   - scores: [batch, heads, queries, keys].
  public func run(
    q: TensorView, k: TensorView, v: TensorView, y: MutableTensorView, mask given: TensorView?,
    lengths: TensorView?, scores: MutableTensorView?, _ pool: ThreadPool, scratch: MutableTensorView
  ) {
    let sizes = (batch, heads)
    precondition(q.count >= query.reach(entries: batch, heads: heads, steps: queries, size: size))
    precondition(k.count >= key.reach(entries: batch, heads: keyHeads, steps: keys, size: size))
    precondition(
      v.count >= value.reach(entries: batch, heads: keyHeads, steps: keys, size: valueSize))
    precondition(
      y.count >= result.reach(entries: batch, heads: heads, steps: queries, size: valueSize))
    precondition((scores?.count ?? .max) >= sizes.0 * sizes.1 * queries * keys)
    precondition((lengths?.count ?? batch) == batch && (given == nil) == (mask == nil))
    precondition(scratch.byteCount >= scratchByteCount(pool) && heads % keyHeads == 0)
    var x = unsafe qat_attention_arguments()
    unsafe (x.batch, x.heads, x.key_heads) = (Int64(batch), Int64(heads), Int64(keyHeads))
    unsafe (x.queries, x.keys) = (Int64(queries), Int64(keys))
    unsafe (x.size, x.value_size) = (Int64(size), Int64(valueSize))
    // SAFETY: sizes were checked, those of the mask below.
    unsafe (x.q, x.k, x.v) = (q.pointer(), k.pointer(), v.pointer())
    unsafe x.y = y.pointer(Float.self)
    unsafe (x.q_places, x.k_places) = (query.places, key.places)
    unsafe (x.v_places, x.y_places) = (value.places, result.places)
    unsafe (x.scale, x.softcap, x.causal) = (scale, softcap, isCausal)
    unsafe (x.left, x.right) = (Int64(min(left, 1 << 31)), Int64(min(right, 1 << 31)))
    unsafe (x.past, x.lengths) = (Int64(past), lengths?.pointer(Int64.self))
    if let mask, let given {
      let last = zip(mask.strides, [batch, heads, queries, mask.length]).reduce(0) { sum, next in
        sum + next.0 * (next.1 - 1)
      }
      precondition(given.count > last)
      if given.element == .bool {
        unsafe x.shown = given.pointer(Bool.self)
      } else {
        unsafe x.mask = given.pointer(Float.self)
      }
      unsafe (x.mask_entry, x.mask_head) = (Int64(mask.strides[0]), Int64(mask.strides[1]))
      unsafe (x.mask_query, x.mask_key) = (Int64(mask.strides[2]), Int64(mask.strides[3]))
      unsafe x.mask_length = Int64(mask.length)
    }
    unsafe x.scores = scores?.pointer(Float.self)
    unsafe x.stage = Int32(stage)
    unsafe qat_attention_f32(&x, pool.pool, scratch.base.assumingMemoryBound(to: Float.self))
  }
}

/// Rotary embeddings of float heads.
public enum RotaryKernels {
  /// - Parameters:
  ///   - half: how many pairs of a head are turned.
  ///   - positions: i64[batch, steps], each a row of the tables; the rows in order where absent.
  public static func run(
    batch: Int, heads: Int, steps: Int, size: Int, strides: HeadStrides, half: Int,
    interleaved: Bool, positions: TensorView?, cosine: TensorView, sine: TensorView, x: TensorView,
    y: MutableTensorView, _ pool: ThreadPool
  ) {
    precondition(
      x.count >= strides.reach(entries: batch, heads: heads, steps: steps, size: size)
        && x.count == y.count && 2 * half <= size && cosine.count == sine.count)
    precondition((positions?.count ?? batch * steps) == batch * steps)
    precondition(positions != nil || cosine.count >= batch * steps * half)
    // SAFETY: sizes were checked, positions by the caller.
    unsafe qat_rotary_f32(
      Int64(batch), Int64(heads), Int64(steps), Int64(size), strides.places, Int64(half),
      interleaved, positions?.pointer(Int64.self), cosine.pointer(Float.self),
      sine.pointer(Float.self), x.pointer(Float.self), y.pointer(Float.self), pool.pool)
  }
}
