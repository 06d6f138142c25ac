internal import CQATKernels
import QATCore

/// One step of an LSTM or a GRU for its gradient, of all entries of a batch: forward with the gates
/// kept, and back.
public struct RecurrentGradientKernel {
  /// The size of a state.
  public let hidden: Int
  /// The rows that each entry reads of `input`; negative for entries at rest.
  public var rows: [Int64]

  public init(hidden: Int, entries: Int) {
    self.hidden = hidden
    rows = Array(repeating: -1, count: entries)
  }

  /// The memory of a step forward, all of floats: the sums of the input [rows,gates,H] and of the state
  /// [entries,gates,H], the states before and behind [entries,H], and the gates [entries,gates,H].
  public struct Forward {
    public let input: TensorView, state: TensorView, h: TensorView
    public let next: MutableTensorView, gates: MutableTensorView
    public init(
      input: TensorView, state: TensorView, h: TensorView, next: MutableTensorView,
      gates: MutableTensorView
    ) {
      (self.input, self.state, self.h, self.next, self.gates) = (input, state, h, next, gates)
    }
  }

  /// The memory of a step back: the gates and the state before as they were, and the gradients of the
  /// state, of the sums of the input and of those of the state.
  public struct Backward {
    public let gates: TensorView, h: TensorView
    public let dh: MutableTensorView, dInput: MutableTensorView, dState: MutableTensorView
    public init(
      gates: TensorView, h: TensorView, dh: MutableTensorView, dInput: MutableTensorView,
      dState: MutableTensorView
    ) {
      (self.gates, self.h, self.dh, self.dInput, self.dState) = (gates, h, dh, dInput, dState)
    }
  }

  /// An LSTM's step; `c` and `next` are its second state.
  public func lstm(_ memory: Forward, c: TensorView, next: MutableTensorView) {
    check(states: [c.count, next.count])
    unsafe withRecord(memory, gates: 4, ofState: 4) { step in
      unsafe qat_lstm_record(step, c.pointer(Float.self), next.pointer(Float.self))
    }
  }

  /// A GRU's gates z and r, and its state times r.
  public func gruGates(_ memory: Forward, reset: MutableTensorView) {
    check(states: [reset.count])
    unsafe withRecord(memory, gates: 3, ofState: 2) { step in
      unsafe qat_gru_record_gates(step, reset.pointer(Float.self))
    }
  }

  /// The rest of the step, when the product of the last gate is there; r may scale that.
  public func gru(_ memory: Forward, product: TensorView, scales: Bool) {
    check(states: [product.count])
    unsafe withRecord(memory, gates: 3, ofState: 2) { step in
      unsafe qat_gru_record(step, product.pointer(Float.self), scales)
    }
  }

  /// Back through an LSTM's step.
  public func lstm(_ memory: Backward, c: TensorView, next: TensorView, dc: MutableTensorView) {
    check(states: [c.count, next.count, dc.count])
    unsafe withSlopes(memory, gates: 4, ofState: 4) { step in
      unsafe qat_lstm_slopes(
        step, c.pointer(Float.self), next.pointer(Float.self), dc.pointer(Float.self))
    }
  }

  /// Back through a GRU's step; unless r scales the product, `gruReset` is to follow.
  public func gru(
    _ memory: Backward, product: TensorView, scales: Bool, dProduct: MutableTensorView
  ) {
    check(states: [product.count, dProduct.count])
    unsafe withSlopes(memory, gates: 3, ofState: 2) { step in
      unsafe qat_gru_slopes(
        step, product.pointer(Float.self), scales, dProduct.pointer(Float.self))
    }
  }

  /// What comes through the state times r, by the gradient of that.
  public func gruReset(_ memory: Backward, dReset: TensorView) {
    check(states: [dReset.count])
    unsafe withSlopes(memory, gates: 3, ofState: 2) { step in
      unsafe qat_gru_reset_slopes(step, dReset.pointer(Float.self))
    }
  }

  private func check(states: [Int]) {
    for count in states { precondition(count == rows.count * hidden) }
  }

  private func withRecord(
    _ memory: Forward, gates: Int, ofState: Int,
    _ body: (UnsafePointer<qat_recurrent_record>) -> Void
  ) {
    check(states: [memory.h.count, memory.next.count])
    let entries = rows.count, last = Int(rows.max() ?? -1) + 1
    precondition(memory.input.count >= last * gates * hidden)
    precondition(memory.state.count >= entries * ofState * hidden)
    precondition(memory.gates.count >= entries * gates * hidden)
    unsafe rows.withUnsafeBufferPointer { rows in
      // SAFETY: rows and sizes were checked; the array outlives the call.
      var step = unsafe qat_recurrent_record(
        entries: Int64(entries), hidden: Int64(hidden), rows: rows.baseAddress,
        input: memory.input.pointer(Float.self), state: memory.state.pointer(Float.self),
        h: memory.h.pointer(Float.self), gates: memory.gates.pointer(Float.self),
        next: memory.next.pointer(Float.self))
      unsafe body(&step)
    }
  }

  private func withSlopes(
    _ memory: Backward, gates: Int, ofState: Int,
    _ body: (UnsafePointer<qat_recurrent_slopes>) -> Void
  ) {
    check(states: [memory.h.count, memory.dh.count])
    let entries = rows.count, last = Int(rows.max() ?? -1) + 1
    precondition(memory.dInput.count >= last * gates * hidden)
    precondition(memory.dState.count >= entries * ofState * hidden)
    precondition(memory.gates.count >= entries * gates * hidden)
    unsafe rows.withUnsafeBufferPointer { rows in
      // SAFETY: rows and sizes were checked; the array outlives the call.
      var step = unsafe qat_recurrent_slopes(
        entries: Int64(entries), hidden: Int64(hidden), rows: rows.baseAddress,
        gates: memory.gates.pointer(Float.self), h: memory.h.pointer(Float.self),
        dh: memory.dh.pointer(Float.self), d_input: memory.dInput.pointer(Float.self),
        d_state: memory.dState.pointer(Float.self))
      unsafe body(&step)
    }
  }
}
