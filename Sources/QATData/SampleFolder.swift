import QATCore

/// Reads one tensor file (`input_0.pb`, an ONNX `TensorProto`): its name, where it has one, and the
/// tensor. Given by the caller, so that data sets need not know ONNX.
public typealias TensorFileReader =
  @Sendable (_ path: String) throws(Diagnostic) -> (name: String?, tensor: AnyTensor)

/// A folder of samples as ONNX's own tests have them: `sample_000/input_0.pb`, `input_1.pb`, …, and
/// for labels `label_0.pb`, ….
///
/// Every sub-folder that holds an `input_0.pb` counts, in natural order, or the folder itself. The
/// tensors come with their batch axis; those of one index are joined along it. A tensor without a
/// name belongs to the model's input (for labels: output) of its index.
enum SampleFolder {
  static func read(
    _ folder: String, inputNames: [String], with reader: TensorFileReader
  ) throws(Diagnostic) -> ArrayDataSet {
    var inputs = Joiner(), labels = Joiner()
    for sample in try sampleFolders(in: folder) {
      let own = try tensors("input", in: sample, reader),
        marks = try tensors("label", in: sample, reader)
      guard (own + marks).allSatisfy({ !$0.tensor.shape.isEmpty }) else {
        throw Diagnostic(
          .invalidData, "a scalar has no batch axis", at: sample,
          hint: "give it shape [1], or write runs:\(folder) where a sample is all that a run takes")
      }
      guard Set((own + marks).map { $0.tensor.shape[0] }).count == 1 else {
        throw Diagnostic(
          .invalidData, "the tensors of a sample differ in their first size", at: sample,
          hint: "axis 0 of every tensor is the batch axis")
      }
      do throws(Diagnostic) {
        for (index, (name, tensor)) in own.enumerated() {
          try inputs.add(inputName(name, index, of: inputNames), tensor)
        }
        for (index, (name, tensor)) in marks.enumerated() {
          try labels.add(marks.count == 1 ? Batch.unnamed : name ?? "\(index)", tensor)
        }
      } catch { throw error.placed(at: sample) }
    }
    do throws(Diagnostic) {
      return try ArrayDataSet(inputs: inputs.tensors(), targets: labels.tensors())
    } catch { throw error.placed(at: folder) }
  }

  /// The tensors `KIND_0.pb`, `KIND_1.pb`, … of a sample.
  static func tensors(
    _ kind: String, in sample: String, _ reader: TensorFileReader
  ) throws(Diagnostic) -> [(name: String?, tensor: AnyTensor)] {
    var result: [(name: String?, tensor: AnyTensor)] = []
    while fileExists("\(sample)/\(kind)_\(result.count).pb") {
      let path = "\(sample)/\(kind)_\(result.count).pb"
      do throws(Diagnostic) { result.append(try reader(path)) } catch {
        throw error.placed(at: path)
      }
    }
    return result
  }

  /// The folders of the samples, in natural order.
  static func sampleFolders(in folder: String) throws(Diagnostic) -> [String] {
    if fileExists("\(folder)/input_0.pb") { return [folder] }
    let samples = try namesInFolder(folder).map { "\(folder)/\($0)" }
      .filter { fileExists("\($0)/input_0.pb") }
    guard !samples.isEmpty else {
      throw Diagnostic(
        .invalidData, "the folder holds no samples", at: folder,
        hint: "a sample is a sub-folder with input_0.pb, input_1.pb, …")
    }
    return samples
  }

  /// The name in the file, where the model knows it; else the input of that index.
  static func inputName(_ name: String?, _ index: Int, of inputs: [String]) -> String {
    if let name, !name.isEmpty, inputs.isEmpty || inputs.contains(name) { return name }
    return index < inputs.count ? inputs[index] : name ?? Batch.unnamed
  }
}

/// Tensors joined along axis 0, by name.
private struct Joiner {
  private var parts: [String: (element: ElementType, shape: [Int], bytes: [UInt8])] = [:]

  mutating func add(_ name: String, _ tensor: AnyTensor) throws(Diagnostic) {
    guard let part = parts[name] else {
      parts[name] = (tensor.element, tensor.shape, tensor.bytes)
      return
    }
    guard part.element == tensor.element, part.shape.dropFirst() == tensor.shape.dropFirst() else {
      throw Diagnostic(
        .invalidData,
        "\(tensor.element.name)\(tensor.shape) after \(part.element.name)\(part.shape) in other samples",
        hint: "all samples need one type and one shape after axis 0: pad them, or run them apart")
    }
    parts[name]?.shape[0] += tensor.shape[0]
    parts[name]?.bytes += tensor.bytes
  }

  func tensors() -> [String: AnyTensor] {
    parts.mapValues { AnyTensor($0.element, shape: $0.shape, bytes: $0.bytes) }
  }
}
