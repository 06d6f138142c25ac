internal import CQATKernels
import QATCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// One block of memory, aligned to 64 bytes, for the intermediate values of a plan.
@safe public final class Arena {
  // SAFETY: allocated in `init`, freed in `deinit`; views are bounds-checked against `byteCount`.
  let base: UnsafeMutableRawPointer
  public let byteCount: Int

  /// The memory of this machine: what no arena may pass.
  public static let mostBytes = Int(qat_cpu_memory())

  /// Bytes of a large page. Reading ahead goes on where a small one ends, and there are fewer to be found.
  private static let largePage = 2 << 20

  public init(byteCount: Int) {
    self.byteCount = byteCount
    let isLarge = byteCount >= Self.largePage
    unsafe base = UnsafeMutableRawPointer.allocate(
      byteCount: max(byteCount, 64), alignment: isLarge ? Self.largePage : 64)
    #if os(Linux)
      // Only an advice: what it says of errors does not matter.
      if isLarge {
        unsafe madvise(base, byteCount / Self.largePage * Self.largePage, MADV_HUGEPAGE)
      }
    #endif
  }

  deinit { unsafe base.deallocate() }

  /// The memory of a value at an offset.
  public func view(at offset: Int, _ element: ElementType, shape: [Int]) -> MutableTensorView {
    let size = element.byteCount(shape.reduce(1, *))
    precondition(offset >= 0 && offset + size <= max(byteCount, 64), "outside the arena")
    // SAFETY: inside the block, as just checked.
    return unsafe MutableTensorView(base: base + offset, element, shape: shape)
  }
}

/// Memory of its own for a tensor that changes: an input, a variable, scratch.
public final class VariableBuffer {
  private let arena: Arena
  public let view: MutableTensorView

  /// Uninitialised.
  public init(_ element: ElementType, shape: [Int]) {
    arena = Arena(byteCount: element.byteCount(shape.reduce(1, *)))
    view = arena.view(at: 0, element, shape: shape)
  }

  public convenience init(_ tensor: AnyTensor) {
    self.init(tensor.element, shape: tensor.shape)
    write(tensor)
  }

  public var element: ElementType { view.element }
  public var shape: [Int] { view.shape }

  /// Copies a tensor of the same size in.
  public func write(_ tensor: AnyTensor) { view.write(tensor) }

  /// A copy of what is there now.
  public var tensor: AnyTensor { AnyTensor(copying: view.readOnly) }
}
