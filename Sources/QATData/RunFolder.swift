import QATCore

/// A folder whose every sample holds all inputs of one run, as they are: for models with scalars among
/// their inputs, with states whose batch is not on axis 0, or whose sizes change from run to run.
///
/// The files are those of `SampleFolder`; they are read when they are needed.
struct RunFolder: DataSet {
  let inputs: [DataField]
  private let folders: [String]
  private let names: [String]
  private let reader: TensorFileReader

  init(
    _ folder: String, inputNames: [String], with reader: @escaping TensorFileReader
  ) throws(Diagnostic) {
    folders = try SampleFolder.sampleFolders(in: folder)
    names = inputNames
    self.reader = reader
    inputs = try Self.tensors(in: folders[0], inputNames, reader).map { name, tensor in
      DataField(name, tensor.element, tensor.shape)
    }
  }

  var count: Int { folders.count }
  var holdsRuns: Bool { true }

  func batch(_ indices: [Int]) throws(Diagnostic) -> Batch {
    try check(indices)
    guard indices.count == 1 else {
      throw Diagnostic(
        .unsupported, "runs can't be joined to a batch of \(indices.count)",
        hint: "for training give arrays whose axis 0 counts the samples")
    }
    let tensors = try Self.tensors(in: folders[indices[0]], names, reader)
    return Batch(ofRun: Dictionary(tensors, uniquingKeysWith: { first, _ in first }))
  }

  private static func tensors(
    in folder: String, _ names: [String], _ reader: TensorFileReader
  ) throws(Diagnostic) -> [(String, AnyTensor)] {
    var result: [(String, AnyTensor)] = []
    for (index, (name, tensor)) in try SampleFolder.tensors("input", in: folder, reader)
      .enumerated()
    {
      let name = SampleFolder.inputName(name, index, of: names)
      do throws(Diagnostic) { try checkFinite(tensor, named: name) } catch {
        throw error.placed(at: folder)
      }
      result.append((name, tensor))
    }
    return result
  }
}
