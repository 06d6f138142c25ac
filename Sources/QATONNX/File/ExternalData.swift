import CQATSchema
import QATCore

/// Where the large initializers of a model file go: into the model, or into a file beside it.
///
/// Readers map that file: initializers of 1 MiB and more begin at multiples of 64 KiB, which every
/// system can map, others at multiples of 64 bytes. Those below 1 KiB stay in the model.
public enum ExternalData: Sendable, Hashable {
  /// Into the model, unless it would then pass protobuf's 2 GiB.
  case whenNeeded
  /// Into `NAME.data` beside the model `NAME`.
  case beside
  /// Into a file of that name in the model's folder, or in a folder inside it.
  case file(String)

  /// Initializers of fewer bytes stay in the model.
  static let smallest = 1 << 10

  /// The file's name, relative to the folder of a model.
  /// - Throws: `invalid-option` for a name that readers refuse.
  func name(besideModel path: String) throws(Diagnostic) -> String {
    let model = String(path.split(separator: "/").last ?? "model.onnx")
    guard case .file(let name) = self else { return model + ".data" }
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    guard !parts.contains(where: { ["", ".", ".."].contains($0) }), name != model else {
      throw Diagnostic(
        .invalidOption, "external data can't go to '\(name)'",
        hint: "give the name of another file in the folder of the model, as in weights.data")
    }
    return name
  }
}

/// The pieces of a file of external data, each at its place.
struct ExternalLayout {
  /// The file's name, as the model has it.
  let location: String
  private(set) var pieces: [(offset: Int, storage: TensorStorage)] = []
  private var end = 0

  init(location: String) { self.location = location }

  /// Gives a tensor its place; `nil` for one that stays in the model.
  mutating func place(_ tensor: AnyTensor) -> Range<Int>? {
    let count = tensor.storage.byteCount
    guard count >= ExternalData.smallest else { return nil }
    let alignment = count >= 1 << 20 ? 1 << 16 : 1 << 6
    let start = (end + alignment - 1) / alignment * alignment
    end = start + count
    pieces.append((start, tensor.storage))
    return start..<end
  }

  /// Writes the pieces, with zeros between.
  func write(to file: FileSink) {
    for (offset, storage) in pieces {
      file.appendZeros(offset - file.byteCount)
      file.append(storage)
    }
  }
}

extension Qat__Onnx__Tensor {
  /// A tensor whose elements stand in another file.
  mutating func setContents(
    to tensor: AnyTensor, at range: Range<Int>, of location: String, _ arena: MessageArena
  ) {
    unsafe setType(of: tensor, arena)
    let entries = [
      ("location", location), ("offset", "\(range.lowerBound)"), ("length", "\(range.count)"),
    ]
    unsafe n_external_data = entries.count
    unsafe external_data = unsafe arena.entries(inOrder: entries)
    unsafe (has_data_location, data_location) = (1, 1)
  }
}
