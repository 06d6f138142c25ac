import QATCore
import QATIR
import QATKernels

/// An operation with a fast kernel. One without is run by its reference evaluation.
///
/// A kernel of an operation that works on elements (`WorksOnElements`), or that says so itself
/// (`OverwritesOperand`), may be given one memory for an operand and a result.
///
/// This protocol is the boundary between plans and kernels: a plan asks once, when it is made, and
/// then only calls.
public protocol Executable: Operation {
  /// The kernel for these types, or `nil` where there is none for them.
  func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel?
}

/// What is known when a kernel is chosen.
public struct KernelRequest {
  /// Concrete types; `nil` for absent operands.
  public let operands: [TensorType?]
  /// Concrete types; `nil` for one that is not wanted.
  public let results: [TensorType?]
  /// Operands whose contents never change: weights that may be packed now.
  public let constants: [AnyTensor?]
  /// Where to run what is worth several threads.
  public let pool: ThreadPool
  /// What factors of a product are rounded to.
  public var precision = ProductPrecision.f32

  /// The sizes of a required operand.
  public func shape(_ index: Int) -> [Int] { operands[index]?.shape?.sizes ?? [] }
  /// The sizes of a result.
  public func resultShape(_ index: Int = 0) -> [Int] { results[index]?.shape?.sizes ?? [] }
  /// The element type of an operand that is there.
  public func element(_ index: Int) -> ElementType? {
    index < operands.count ? operands[index]?.element : nil
  }
  /// Whether an operand is there.
  public func isPresent(_ index: Int) -> Bool { index < operands.count && operands[index] != nil }
  /// The contents of an operand that never changes.
  public func constant(_ index: Int) -> AnyTensor? {
    index < constants.count ? constants[index] : nil
  }
}

/// A kernel bound to sizes and attributes. One that judges data (labels, ranges) may fail.
public struct Kernel {
  /// Bytes of scratch memory that a run needs.
  public let scratchByteCount: Int
  /// Runs it.
  /// - Throws: `invalid-data` for contents that it refuses.
  public let run: (KernelCall) throws(Diagnostic) -> Void

  public init(
    scratchByteCount: Int = 0, run: @escaping (KernelCall) throws(Diagnostic) -> Void
  ) {
    self.scratchByteCount = scratchByteCount
    self.run = run
  }
}

/// The memory of one run of a kernel.
public struct KernelCall {
  /// `nil` for one that is absent.
  public let operands: [TensorView?]
  /// `nil` for one that is not wanted.
  public let results: [MutableTensorView?]
  /// `nil` where it asked for none.
  public let scratch: MutableTensorView?

  /// A required operand.
  public subscript(index: Int) -> TensorView {
    guard index < operands.count, let view = operands[index] else {
      preconditionFailure("a required operand")
    }
    return view
  }
  /// An operand that may be absent.
  public func optional(_ index: Int) -> TensorView? {
    index < operands.count ? operands[index] : nil
  }

  /// A required result.
  public func result(_ index: Int = 0) -> MutableTensorView {
    guard let view = results[index] else { preconditionFailure("a required result") }
    return view
  }
}

/// An operation whose first result may have the bytes of its first operand, and then costs nothing.
public protocol SharesBytes: Operation {
  /// Whether it has, for these sizes.
  func sharesBytes(from operand: [Int], to result: [Int]) -> Bool
}

extension SharesBytes {
  public func sharesBytes(from operand: [Int], to result: [Int]) -> Bool { true }
}

/// An operation that may write results over operands of the same size, beside those that work on
/// elements: it is done with an element of the operand when it writes that of the result.
public protocol OverwritesOperand: Operation {
  /// The operands that a result may be written over.
  func overwritableOperands(by result: Int) -> [Int]
}
