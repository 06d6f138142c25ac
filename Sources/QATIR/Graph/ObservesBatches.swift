/// An operation that follows the batches of a value: operand 0 is the value, the others are state, and
/// each result is the new state for the operand behind it.
public protocol ObservesBatches: Operation {
  /// False leaves the state as it is.
  var training: Bool { get set }
  /// Batches after which the state is no longer moved; 0 for never.
  var limit: Int { get set }
}

extension Observe: ObservesBatches {}
extension LearnRange: ObservesBatches {}
