import QATCore
import QATKernels

/// The memory that the plans of one graph share, since one of them runs at a time: an arena for
/// values and scratch memory for kernels, each as large as the largest plan asks for.
final class Workspace {
  private(set) var arena = Arena(byteCount: 0)
  private(set) var scratch = VariableBuffer(.u8, shape: [0])

  /// Makes room. What was there before is gone; plans keep memory that they look at alive.
  func reserve(arena byteCount: Int, scratch scratchByteCount: Int) {
    if byteCount > arena.byteCount {
      // Of weights that passes made and dropped: not needed while this plan runs.
      SparePages.release()
      arena = Arena(byteCount: byteCount)
    }
    if scratchByteCount > scratch.view.byteCount {
      scratch = VariableBuffer(.u8, shape: [scratchByteCount])
    }
  }
}
