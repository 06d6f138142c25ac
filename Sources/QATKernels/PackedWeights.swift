import QATCore
import Synchronization

/// Constant weights as a kernel packs them: one copy for each tensor and layout in a process, however
/// many plans and sessions use it, and for as long as one does.
///
/// `@unchecked Sendable`: nothing writes the memory after `init`.
@safe public final class PackedWeights: @unchecked Sendable {
  /// A form of packing and the sizes that decide it.
  struct Layout: Hashable {
    let form: String
    let sizes: [Int]
  }

  private struct Key: Hashable {
    // Of storages that the entry keeps alive, so no others have their addresses.
    let storages: [ObjectIdentifier]
    let element: ElementType
    let layout: Layout
  }
  /// A class, so that the weak reference never moves with the table.
  private final class Entry {
    weak var weights: PackedWeights?
    let id: ObjectIdentifier

    init(_ weights: PackedWeights) {
      self.weights = weights
      id = ObjectIdentifier(weights)
    }
  }

  private static let all = Mutex<[Key: Entry]>([:])

  private let key: Key
  private let sources: [AnyTensor]
  let memory: Arena

  /// The bytes.
  public var view: TensorView { memory.view(at: 0, .u8, shape: [memory.byteCount]).readOnly }

  /// The packed form of a tensor.
  /// - Parameters:
  ///   - sources: the tensor, or what it is made from.
  ///   - pack: fills all of `byteCount` bytes, where nobody has yet.
  static func of(
    _ sources: [AnyTensor], _ layout: Layout, byteCount: Int,
    pack: (UnsafeMutableRawPointer) -> Void
  ) -> PackedWeights {
    let key = Key(
      storages: sources.map { ObjectIdentifier($0.storage) }, element: sources[0].element,
      layout: layout)
    if let known = all.withLock({ $0[key]?.weights }) { return known }
    let made = unsafe PackedWeights(key, sources, byteCount: byteCount, pack)
    return all.withLock { table in
      // Another thread may have been faster.
      if let known = table[key]?.weights { return known }
      table[key] = Entry(made)
      return made
    }
  }

  private init(
    _ key: Key, _ sources: [AnyTensor], byteCount: Int,
    _ pack: (UnsafeMutableRawPointer) -> Void
  ) {
    (self.key, self.sources) = (key, sources)
    memory = Arena(byteCount: byteCount)
    // SAFETY: the arena holds `byteCount` bytes.
    unsafe pack(memory.base)
  }

  deinit {
    Self.all.withLock { table in
      if table[key]?.id == ObjectIdentifier(self) { table[key] = nil }
    }
  }

  /// Bytes that the packed forms of a tensor take in the process.
  package static func byteCount(of source: AnyTensor) -> Int {
    // The last user of one may go meanwhile; `deinit` takes the lock itself.
    let alive = all.withLock { table in
      table.filter { $0.key.storages.contains(ObjectIdentifier(source.storage)) }.values
        .compactMap(\.weights)
    }
    return alive.reduce(0) { $0 + $1.memory.byteCount }
  }
}
