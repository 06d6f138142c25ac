import QATCore
import QATIR
import QATKernels

/// An operation with a fast kernel. One without is run by its reference evaluation.
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
  public let results: [TensorType?]
  /// Operands whose contents never change: weights that may be packed now.
  public let constants: [AnyTensor?]
  public let pool: ThreadPool

  /// The sizes of a required operand.
  public func shape(_ index: Int) -> [Int] { operands[index]?.shape?.sizes ?? [] }
  public func resultShape(_ index: Int = 0) -> [Int] { results[index]?.shape?.sizes ?? [] }
  public func element(_ index: Int) -> ElementType? {
    index < operands.count ? operands[index]?.element : nil
  }
  public func isPresent(_ index: Int) -> Bool { index < operands.count && operands[index] != nil }
  public func constant(_ index: Int) -> AnyTensor? {
    index < constants.count ? constants[index] : nil
  }
}

/// A kernel bound to sizes and attributes. One that judges data (labels, ranges) may fail.
public struct Kernel {
  /// Bytes of scratch memory that a run needs.
  public let scratchByteCount: Int
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
  public let operands: [TensorView?]
  public let results: [MutableTensorView?]
  public let scratch: MutableTensorView?

  /// A required operand.
  public subscript(index: Int) -> TensorView {
    guard index < operands.count, let view = operands[index] else {
      preconditionFailure("a required operand")
    }
    return view
  }
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
