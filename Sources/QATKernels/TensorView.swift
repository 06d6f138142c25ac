import QATCore
import Synchronization

/// The bytes of a tensor that a kernel reads: contiguous, row-major.
///
/// Valid only while what it was made from lives; plans own the memory that their views look at.
@safe public struct TensorView {
  // SAFETY: points to at least `byteCount` bytes; every initializer checks that. `nil` where `owner`
  // has the address.
  private let start: UnsafeRawPointer?
  public let element: ElementType
  public let shape: [Int]
  /// Keeps a constant's bytes alive: its storage, or a `LazyBytes`.
  private let owner: AnyObject?

  init(base: UnsafeRawPointer, _ element: ElementType, shape: [Int]) {
    unsafe self.init(start: base, element, shape: shape, owner: nil)
  }

  private init(
    start: UnsafeRawPointer?, _ element: ElementType, shape: [Int], owner: AnyObject?
  ) {
    unsafe self.start = start
    self.element = element
    self.shape = shape
    self.owner = owner
  }

  /// Looks at the bytes of a tensor, and keeps them alive. Derived ones are made when a kernel first
  /// reads them: one that has packed them beforehand never does.
  public init(_ tensor: AnyTensor) {
    let storage = tensor.storage
    if storage is DerivedStorage {
      unsafe self.init(
        start: nil, tensor.element, shape: tensor.shape, owner: LazyBytes(storage))
    } else {
      unsafe self.init(
        start: storage.address, tensor.element, shape: tensor.shape, owner: storage)
    }
  }

  // SAFETY: the owner lives as long as the view.
  var base: UnsafeRawPointer {
    if let start = unsafe start { return unsafe start }
    guard let bytes = owner as? LazyBytes else { preconditionFailure("a view of nothing") }
    return unsafe bytes.address
  }

  public var count: Int { shape.reduce(1, *) }
  public var byteCount: Int { element.byteCount(count) }

  /// The elements from `offset` on as a tensor of their own.
  /// - Precondition: they lie inside, and elements are of whole bytes.
  public func part(at offset: Int, shape: [Int]) -> TensorView {
    let start = byteOffset(offset, shape, element, within: count)
    // SAFETY: inside this view, as just checked; the owner of the bytes goes along.
    return unsafe TensorView(start: base + start, element, shape: shape, owner: owner)
  }

  /// Neighbouring elements as a vector; the tensor itself where these are all.
  public subscript(range: Range<Int>) -> TensorView {
    range.count == count ? self : part(at: range.lowerBound, shape: [range.count])
  }

  /// A copy of the elements, of a view of floats: for vectors.
  public var floats: [Float] { copied() }
  public var int64s: [Int64] { copied() }
  public var int32s: [Int32] { copied() }
  /// Whether the first element of a view of truth values is true.
  public var isTrue: Bool {
    precondition(element == .bool && count > 0)
    // SAFETY: the view holds a byte.
    return unsafe base.load(as: UInt8.self) != 0
  }

  private func copied<Scalar: TensorScalar>() -> [Scalar] {
    // SAFETY: the view holds `count` elements of the type, which `pointer` checks.
    unsafe Array(UnsafeBufferPointer(start: pointer(Scalar.self), count: count))
  }

  /// The elements as a typed pointer.
  /// - Precondition: the element type is `Scalar`'s.
  func pointer<Scalar: TensorScalar>(_: Scalar.Type = Scalar.self) -> UnsafePointer<Scalar> {
    precondition(
      Scalar.elementType == element, "\(element.name) read as \(Scalar.elementType.name)")
    // SAFETY: checked type; all memory of views is aligned to 16 bytes or more.
    return unsafe base.assumingMemoryBound(to: Scalar.self)
  }
}

/// Keeps bytes in memory from the first look at them on.
private final class LazyBytes: Sendable {
  private let storage: TensorStorage
  private let resident = Mutex<TensorStorage?>(nil)

  init(_ storage: TensorStorage) { self.storage = storage }

  // SAFETY: valid for as long as `self` lives.
  var address: UnsafeRawPointer {
    let storage = resident.withLock { resident in
      let storage = resident ?? self.storage.resident
      resident = storage
      return storage
    }
    return unsafe storage.address
  }
}

extension TensorStorage {
  // SAFETY: a resident storage never moves its bytes; the caller keeps it.
  fileprivate var address: UnsafeRawPointer {
    unsafe withBytes { bytes in unsafe bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 64)! }
  }
}

/// The bytes of a tensor that a kernel writes: contiguous, row-major.
@safe public struct MutableTensorView {
  // SAFETY: points to at least `byteCount` bytes that nothing else writes during a step.
  let base: UnsafeMutableRawPointer
  public let element: ElementType
  public let shape: [Int]

  init(base: UnsafeMutableRawPointer, _ element: ElementType, shape: [Int]) {
    unsafe self.base = base
    self.element = element
    self.shape = shape
  }

  public var count: Int { shape.reduce(1, *) }
  public var byteCount: Int { element.byteCount(count) }

  public var readOnly: TensorView {
    // SAFETY: the same memory, for reading.
    unsafe TensorView(base: UnsafeRawPointer(base), element, shape: shape)
  }

  /// The elements from `offset` on as a tensor of their own.
  /// - Precondition: they lie inside, and elements are of whole bytes.
  public func part(at offset: Int, shape: [Int]) -> MutableTensorView {
    let start = byteOffset(offset, shape, element, within: count)
    // SAFETY: inside this view, as just checked.
    return unsafe MutableTensorView(base: base + start, element, shape: shape)
  }

  /// Neighbouring elements as a vector; the tensor itself where these are all.
  public subscript(range: Range<Int>) -> MutableTensorView {
    range.count == count ? self : part(at: range.lowerBound, shape: [range.count])
  }

  /// Copies as many bytes from another view; the two may be the same memory.
  public func copy(from source: TensorView) {
    precondition(source.byteCount == byteCount, "\(source.byteCount) bytes into \(byteCount)")
    // SAFETY: both hold `byteCount` bytes.
    unsafe base.copyMemory(from: source.base, byteCount: byteCount)
  }

  /// Makes all bytes 0.
  public func clear() {
    // SAFETY: the view holds `byteCount` bytes.
    unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
  }

  /// Copies elements in.
  public func write<Scalar: TensorScalar>(_ elements: [Scalar]) {
    precondition(elements.count == count)
    // SAFETY: as many elements as the view holds, of the type that `pointer` checks.
    unsafe elements.withUnsafeBufferPointer { source in
      if let start = source.baseAddress {
        unsafe pointer(Scalar.self).update(from: start, count: count)
      }
    }
  }

  /// Copies the bytes of a tensor.
  public func write(_ tensor: AnyTensor) { copy(from: TensorView(tensor)) }

  func pointer<Scalar: TensorScalar>(_: Scalar.Type = Scalar.self) -> UnsafeMutablePointer<Scalar> {
    precondition(
      Scalar.elementType == element, "\(element.name) written as \(Scalar.elementType.name)")
    // SAFETY: checked type; all memory of views is aligned to 16 bytes or more.
    return unsafe base.assumingMemoryBound(to: Scalar.self)
  }
}

/// Where a part of a tensor starts, in bytes.
private func byteOffset(
  _ offset: Int, _ shape: [Int], _ element: ElementType, within count: Int
) -> Int {
  precondition(element.bitWidth >= 8, "parts of packed codes have no address")
  let end = offset + shape.reduce(1, *)
  precondition(offset >= 0 && end <= count, "elements \(offset)..<\(end) of \(count)")
  return element.byteCount(offset)
}

extension AnyTensor {
  /// A new tensor that `body` fills; it must write all of it.
  public init(_ element: ElementType, shape: [Int], filling body: (MutableTensorView) -> Void) {
    let storage = unsafe TensorStorage(byteCount: element.byteCount(shape.reduce(1, *))) { bytes in
      // SAFETY: `bytes` is as long as the view, which does not outlive the call.
      if let start = bytes.baseAddress {
        unsafe body(MutableTensorView(base: start, element, shape: shape))
      }
    }
    self.init(element, shape: shape, storage: storage)
  }

  /// A copy of what a view looks at.
  public init(copying view: TensorView) {
    // SAFETY: `target` has `byteCount` bytes, and so has the view.
    let storage = unsafe TensorStorage(byteCount: view.byteCount) { target in
      if let start = target.baseAddress {
        unsafe start.copyMemory(from: view.base, byteCount: view.byteCount)
      }
    }
    self.init(view.element, shape: view.shape, storage: storage)
  }
}

extension AnyTensor {
  /// New tensors of these types, whose shapes are known, that `body` fills together; it must write all
  /// of them.
  public static func filled(
    _ types: [TensorType], by body: ([MutableTensorView]) throws(Diagnostic) -> Void
  ) throws(Diagnostic) -> [AnyTensor] {
    let tensors = types.map { type in
      AnyTensor(type.element, shape: type.shape?.sizes ?? []) { _ in }
    }
    // SAFETY: nobody else has the tensors before they are returned, so their bytes may still change.
    try body(
      tensors.map { tensor in
        unsafe MutableTensorView(
          base: UnsafeMutableRawPointer(mutating: TensorView(tensor).base), tensor.element,
          shape: tensor.shape)
      })
    return tensors
  }
}
