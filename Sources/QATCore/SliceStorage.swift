/// Part of another storage's bytes, which it keeps alive.
public final class SliceStorage: TensorStorage, @unchecked Sendable {
  private let owner: TensorStorage
  private let start: Int

  /// - Precondition: the range lies inside the owner's bytes.
  public init(_ owner: TensorStorage, _ range: Range<Int>) {
    let owner = owner.resident
    self.owner = owner
    start = range.lowerBound
    // SAFETY: the range lies inside the owner's bytes, which live as long as `self`.
    let view = unsafe owner.withBytes { bytes in
      unsafe UnsafeRawBufferPointer(rebasing: bytes[range])
    }
    unsafe super.init(viewing: view)
  }

  public override var isMapped: Bool { owner.isMapped }

  public override func forget(_ range: Range<Int>) {
    owner.forget(range.lowerBound + start..<range.upperBound + start)
  }
}
