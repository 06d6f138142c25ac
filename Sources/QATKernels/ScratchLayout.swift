public import QATCore

/// Scratch memory in parts, one behind the other, each in lines of the cache of its own.
///
///     var layout = ScratchLayout()
///     let codes = layout.add(.u8, [m, k]), sums = layout.add(.f32, [m, n])
///     return Kernel(scratchByteCount: layout.byteCount) { call in
///       guard let scratch = call.scratch else { return }
///       round(call[0], to: scratch[codes])
public struct ScratchLayout: Sendable {
  /// Where a tensor lies.
  public struct Part: Sendable {
    fileprivate let offset: Int, element: ElementType, shape: [Int]
  }

  private static let line = 64

  /// Bytes of all parts.
  public private(set) var byteCount = 0

  /// All parts, in the order in which they came.
  public private(set) var parts: [Part] = []

  public init() {}
  /// Vectors of so many floats.
  public init(floats counts: [Int]) {
    for count in counts { add(.f32, [count]) }
  }

  /// Room for a tensor, behind all that there is.
  @discardableResult
  public mutating func add(_ element: ElementType, _ shape: [Int]) -> Part {
    let part = Part(offset: byteCount, element: element, shape: shape)
    parts.append(part)
    let end = byteCount + element.byteCount(shape.reduce(1, *))
    byteCount = (end + Self.line - 1) / Self.line * Self.line
    return part
  }

  /// Room for what somebody else asks for.
  @discardableResult
  public mutating func add(byteCount: Int) -> Part { add(.u8, [byteCount]) }
}

extension MutableTensorView {
  /// A part of scratch memory.
  /// - Precondition: the memory holds as many bytes as the part's layout.
  public subscript(part: ScratchLayout.Part) -> MutableTensorView {
    let size = part.element.byteCount(part.shape.reduce(1, *))
    precondition(part.offset + size <= byteCount, "outside the scratch memory")
    // SAFETY: inside, as just checked.
    return unsafe MutableTensorView(base: base + part.offset, part.element, shape: part.shape)
  }
}
