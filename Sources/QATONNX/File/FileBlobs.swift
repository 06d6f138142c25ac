import QATCore
import QATIR

/// Side files of `.qir` texts, mapped: their names are relative to one folder and stay inside it.
public struct FileBlobs: BlobSource {
  private let folder: String

  /// Files of a folder; no path leaves it.
  public init(folder: String) { self.folder = folder }

  public func storage(
    of name: String, offset: Int, byteCount: Int
  ) throws(Diagnostic) -> TensorStorage {
    guard !name.isEmpty, !name.contains("/") else {
      throw Diagnostic(.malformedFile, "the side file '\(name)' lies outside the text's folder")
    }
    let file = try MappedFile(path: folder + "/" + name)
    guard offset >= 0, byteCount >= 0, offset <= file.byteCount,
      byteCount <= file.byteCount - offset
    else {
      throw Diagnostic(
        .malformedFile,
        "the side file '\(name)' has \(file.byteCount) bytes, the text asks for \(byteCount) from \(offset) on"
      )
    }
    guard offset % 64 == 0 else {
      throw Diagnostic(.malformedFile, "offset \(offset) in '\(name)' is no multiple of 64")
    }
    return SliceStorage(file, offset..<offset + byteCount)
  }
}

/// Graphs in files, by extension.
public enum GraphFiles {
  /// Reads `.onnx` or `.qir`.
  /// - Throws: `io`, `malformed-file`, `syntax`; `invalid-option` for another extension.
  public static func read(_ path: String, registry: OpRegistry = .builtin) throws(Diagnostic)
    -> Graph
  {
    switch fileExtension(of: path) {
    case "onnx": return try Importer.graph(contentsOf: path, registry: registry)
    case "qir":
      let file = try MappedFile(path: path)
      // SAFETY: the bytes are copied out.
      let bytes = unsafe file.withBytes { bytes in unsafe Array(bytes) }
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw Diagnostic(.malformedFile, "the text is no UTF-8", at: path)
      }
      return try Graph(
        text: text, registry: registry, blobs: FileBlobs(folder: folder(of: path)), fileName: path)
    default:
      throw Diagnostic(
        .invalidOption, "'\(path)' is no model", hint: "give a file that ends in .onnx or .qir")
    }
  }

  /// Writes `.onnx`, `.qir` (with its large constants in `NAME.blob` beside it) or `.dot`.
  /// - Throws: `io`; `invalid-option` for another extension. Nothing half-written stays.
  ///
  /// - Parameters:
  ///   - externalData: where the large initializers of an `.onnx` file go.
  ///   - opset: the highest that the reader of an `.onnx` file knows.
  public static func write(
    _ graph: Graph, to path: String, externalData: ExternalData = .whenNeeded, opset: Int? = nil
  ) throws(Diagnostic) {
    switch fileExtension(of: path) {
    case "onnx": try Exporter.write(graph, to: path, externalData: externalData, opset: opset)
    case "dot": try AtomicFile.write(text: graph.dot, to: path)
    case "qir":
      let name = String(path.split(separator: "/").last ?? "model.qir")
      let blobs = BlobWriter(fileName: String(name.dropLast(4)) + ".blob")
      let text = graph.text(blobs: .sideFile(blobs))
      var parts: [AtomicFile.Part] = []
      if blobs.byteCount > 0 {
        let path = folder(of: path) + "/" + blobs.fileName
        parts.append(
          AtomicFile.Part(path: path) { file in
            for (offset, storage) in blobs.pieces {
              file.appendZeros(offset - file.byteCount)
              file.append(storage)
            }
          })
      }
      parts.append(AtomicFile.Part(path: path) { $0.append(text: text) })
      try AtomicFile.write(parts)
    default:
      throw Diagnostic(
        .invalidOption, "'\(path)' can't be written",
        hint: "give a name that ends in .onnx, .qir or .dot")
    }
  }

  private static func fileExtension(of path: String) -> String {
    path.split(separator: "/").last?.split(separator: ".").last.map(String.init) ?? ""
  }
}
