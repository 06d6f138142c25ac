internal import CQATKernels
import QATCore

/// One step of a recurrent layer, of all entries of a batch.
public struct RecurrentStepKernel {
  /// What the gates of a cell compute.
  public enum Cell: Sendable {
    /// Gates i, o, f, g.
    case lstm
    /// Gates z, r, g; whether r scales the product of g with the state, or the state.
    case gru(scalesProduct: Bool)
    /// One gate.
    case tanh, relu

    /// How many gates there are, and how many of them `state` has.
    var counts: (input: Int, state: Int) {
      switch self {
      case .lstm: (4, 4)
      case .gru: (3, 2)
      case .tanh, .relu: (1, 1)
      }
    }
  }

  public let cell: Cell
  /// The size of a state.
  public let hidden: Int
  /// The rows that each entry reads of `input` and writes of `y`; negative for entries at rest.
  public var inputRows: [Int64], outputRows: [Int64]

  public init(_ cell: Cell, hidden: Int, entries: Int) {
    (self.cell, self.hidden) = (cell, hidden)
    inputRows = Array(repeating: -1, count: entries)
    outputRows = inputRows
  }

  /// The memory of a step, all of floats: what the input adds to the gates [rows,gates,H], what the
  /// state adds [entries,gates,H], the state [entries,H], the result [rows,H].
  public struct Memory {
    public let input: TensorView, state: TensorView, h: MutableTensorView, y: MutableTensorView?
    public init(
      input: TensorView, state: TensorView, h: MutableTensorView, y: MutableTensorView?
    ) {
      (self.input, self.state, self.h, self.y) = (input, state, h, y)
    }
  }

  /// Moves the states on.
  /// - Parameters:
  ///   - cells: the second state of an LSTM. - product: of a GRU's last gate with the state.
  public func run(_ memory: Memory, cells: MutableTensorView?, product: TensorView?) {
    unsafe withStep(memory) { step in
      switch cell {
      case .lstm:
        guard let cells else { return }
        precondition(cells.count == inputRows.count * hidden)
        unsafe qat_lstm_step(step, cells.pointer(Float.self))
      case .gru(let scales):
        guard let product else { return }
        precondition(product.count == inputRows.count * hidden)
        unsafe qat_gru_step(step, product.pointer(Float.self), scales)
      case .tanh: unsafe qat_rnn_step(step, false)
      case .relu: unsafe qat_rnn_step(step, true)
      }
    }
  }

  /// The state times a GRU's gate r.
  public func reset(_ memory: Memory, to target: MutableTensorView) {
    precondition(target.count == inputRows.count * hidden && cell.counts == (3, 2))
    unsafe withStep(memory) { step in
      unsafe qat_gru_reset(step, target.pointer(Float.self))
    }
  }

  private func withStep(_ memory: Memory, _ body: (UnsafePointer<qat_recurrent_step>) -> Void) {
    let entries = inputRows.count, rows = Int(inputRows.max() ?? -1) + 1
    let results = Int(outputRows.max() ?? -1) + 1
    precondition(memory.h.count == entries * hidden && outputRows.count == entries)
    precondition(memory.input.count >= rows * cell.counts.input * hidden)
    precondition(memory.state.count >= entries * cell.counts.state * hidden)
    precondition((memory.y?.count ?? .max) >= results * hidden)
    unsafe inputRows.withUnsafeBufferPointer { input in
      unsafe outputRows.withUnsafeBufferPointer { output in
        // SAFETY: rows and sizes were checked; the arrays outlive the call.
        var step = unsafe qat_recurrent_step(
          entries: Int64(entries), hidden: Int64(hidden), input_rows: input.baseAddress,
          output_rows: output.baseAddress, input: memory.input.pointer(Float.self),
          state: memory.state.pointer(Float.self), h: memory.h.pointer(Float.self),
          y: memory.y?.pointer(Float.self))
        unsafe body(&step)
      }
    }
  }
}
