import CProtobufC
import CQATSchema
import QATCore

/// Memory for the C messages of a file: freed all together.
@safe final class MessageArena {
  // SAFETY: the blocks are allocated here, live as long as `self` and are freed once.
  private var blocks: [UnsafeMutableRawPointer] = unsafe []
  private var free = 0
  private var kept: [TensorStorage] = []
  /// Of those kept, the large ones, by address.
  private var large: [UInt: TensorStorage] = [:]
  /// The first text that no file holds.
  private(set) var mistake: Diagnostic?

  deinit { unsafe blocks.forEach { unsafe $0.deallocate() } }

  /// Memory for `byteCount` bytes, aligned to 16, that is as long-lived as the arena.
  func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
    let size = (byteCount + 15) / 16 * 16
    let block = 1 << 16
    if size > block / 4 {
      let own = UnsafeMutableRawPointer.allocate(byteCount: max(size, 16), alignment: 16)
      unsafe blocks.append(own)
      // The last one stays the one with room.
      if unsafe blocks.count > 1 { unsafe blocks.swapAt(blocks.count - 1, blocks.count - 2) }
      return unsafe own
    }
    if free < size {
      unsafe blocks.append(UnsafeMutableRawPointer.allocate(byteCount: block, alignment: 16))
      free = block
    }
    defer { free -= size }
    return unsafe blocks[blocks.count - 1] + (block - free)
  }

  /// A copy of a C value.
  func copy<Value>(_ value: Value) -> UnsafeMutablePointer<Value> {
    let memory = unsafe allocate(MemoryLayout<Value>.stride).bindMemory(
      to: Value.self, capacity: 1)
    unsafe memory.initialize(to: value)
    return unsafe memory
  }

  /// A list of C values; `nil` where it is empty.
  func list<Value>(_ values: [Value]) -> UnsafeMutablePointer<Value>? {
    guard !values.isEmpty else { return nil }
    let memory = unsafe allocate(MemoryLayout<Value>.stride * values.count).bindMemory(
      to: Value.self, capacity: values.count)
    unsafe memory.initialize(from: values, count: values.count)
    return unsafe memory
  }

  func text(_ text: String) -> UnsafeMutablePointer<CChar> {
    var text = text
    return text.withUTF8 { bytes in
      if unsafe bytes.contains(0) { unsafe noteNUL(in: bytes) }
      // SAFETY: there is room for the bytes and the NUL behind them.
      let memory = unsafe allocate(bytes.count + 1)
      if let start = bytes.baseAddress {
        unsafe memory.copyMemory(from: start, byteCount: bytes.count)
      }
      unsafe memory.storeBytes(of: 0, toByteOffset: bytes.count, as: UInt8.self)
      return unsafe memory.bindMemory(to: CChar.self, capacity: bytes.count + 1)
    }
  }

  private func noteNUL(in bytes: UnsafeBufferPointer<UInt8>) {
    let text = unsafe String(decoding: bytes, as: UTF8.self).replacing("\0", with: "\\0")
    mistake =
      mistake
      ?? Diagnostic(
        .unsupported, "the text '\(text)' holds a NUL, which no file may",
        hint: "give the node or value another name")
  }

  /// `nil` where it is empty.
  func optionalText(_ string: String) -> UnsafeMutablePointer<CChar>? {
    string.isEmpty ? nil : unsafe text(string)
  }

  func texts(_ texts: [String]) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? {
    var pointers: [UnsafeMutablePointer<CChar>?] = unsafe []
    for string in texts { unsafe pointers.append(text(string)) }
    return unsafe list(pointers)
  }

  func data(_ bytes: [UInt8]) -> ProtobufCBinaryData {
    unsafe ProtobufCBinaryData(len: bytes.count, data: list(bytes))
  }

  /// The bytes themselves, not a copy; they live as long as the arena. For derived ones stands an address
  /// that `storage(at:)` knows: they are there when the file is written.
  func data(_ storage: TensorStorage) -> ProtobufCBinaryData {
    kept.append(storage)
    if storage is DerivedStorage, storage.byteCount >= Self.large {
      // SAFETY: nothing reads through the address, which is that of an object that `kept` keeps.
      let address = unsafe Unmanaged.passUnretained(storage).toOpaque()
      large[UInt(bitPattern: address)] = storage
      return unsafe ProtobufCBinaryData(
        len: storage.byteCount, data: address.assumingMemoryBound(to: UInt8.self))
    }
    // SAFETY: `kept` keeps the bytes alive; libprotobuf-c only reads them.
    return unsafe storage.withBytes { bytes in
      if bytes.count >= Self.large { large[UInt(bitPattern: bytes.baseAddress)] = storage }
      return unsafe ProtobufCBinaryData(
        len: bytes.count,
        data: UnsafeMutableRawPointer(mutating: bytes.baseAddress)?.assumingMemoryBound(
          to: UInt8.self))
    }
  }

  /// Bytes from which on storages are found again by `storage(at:)`.
  static let large = 1 << 16

  /// The large storage that begins at an address and has so many bytes.
  func storage(at address: UnsafePointer<UInt8>?, _ byteCount: Int) -> TensorStorage? {
    guard let found = large[UInt(bitPattern: address)], found.byteCount == byteCount else {
      return nil
    }
    return found
  }

  /// The entries of a list of keys and values, in the order of the keys.
  func entries(_ entries: [String: String])
    -> UnsafeMutablePointer<UnsafeMutablePointer<Qat__Onnx__StringStringEntry>?>?
  {
    unsafe self.entries(inOrder: entries.sorted { $0.key < $1.key })
  }

  func entries(inOrder entries: some Sequence<(key: String, value: String)>)
    -> UnsafeMutablePointer<UnsafeMutablePointer<Qat__Onnx__StringStringEntry>?>?
  {
    var list: [UnsafeMutablePointer<Qat__Onnx__StringStringEntry>?] = unsafe []
    for (key, value) in entries {
      let entry = unsafe copy(Qat__Onnx__StringStringEntry.empty)
      unsafe entry.pointee.key = unsafe text(key)
      unsafe entry.pointee.value = unsafe text(value)
      unsafe list.append(entry)
    }
    return unsafe self.list(list)
  }

  /// The message that leftovers are, or an empty one.
  /// - Throws: `malformed-file` for bytes that are no such message.
  func message<M: CMessage>(_: M.Type, from rest: Leftovers) throws(Diagnostic)
    -> UnsafeMutablePointer<M>
  {
    guard !rest.bytes.isEmpty else { return unsafe copy(M.empty) }
    // They may come from a text that somebody wrote.
    let source = MessageSource(TensorStorage(bytes: rest.bytes))
    let range = 0..<rest.bytes.count
    let bytes = try source.scanned(M.self, range, .root, 0, keepsBytes: true)
    // SAFETY: the scan has checked the bytes.
    guard let message = unsafe unpacked(M.self, bytes) else {
      throw .malformed("libprotobuf-c can't decode the message", at: 0, .root)
    }
    return unsafe message
  }

  /// The message that bytes hold, in the arena's memory; `nil` where libprotobuf-c can't decode them.
  func unpacked<M: CMessage>(_: M.Type, _ bytes: [UInt8]) -> UnsafeMutablePointer<M>? {
    var allocator = unsafe ProtobufCAllocator(
      alloc: { arena, size in
        guard let arena = unsafe arena else { return nil }
        return unsafe Unmanaged<MessageArena>.fromOpaque(arena).takeUnretainedValue().allocate(size)
      },
      free: { _, _ in }, allocator_data: Unmanaged.passUnretained(self).toOpaque())
    // SAFETY: the descriptor is that of the type.
    let message = unsafe protobuf_c_message_unpack(M.descriptor, &allocator, bytes.count, bytes)
    return unsafe message.map {
      unsafe UnsafeMutableRawPointer($0).assumingMemoryBound(to: M.self)
    }
  }
}
