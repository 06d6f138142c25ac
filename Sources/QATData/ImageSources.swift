import QATCore

/// Which part of a data set that has two.
public enum DataSplit: String, Sendable, CaseIterable {
  /// To train on, or to test with.
  case train, test
}

extension ImageDataSet {
  /// The embedded digits: f32[N,1,8,8], values x / 16; 1,437 to train, 360 to test.
  public static func digits(_ split: DataSplit) throws(Diagnostic) -> ImageDataSet {
    let images = try IDX.decode(PackageResources.digits_images_idx3_ubyte_gz)
    let labels = try IDX.decode(PackageResources.digits_labels_idx1_ubyte_gz)
    return try ImageDataSet(
      images: images, labels: labels, range: split == .train ? 0..<1437 : 1437..<1797, .digits)
  }

  /// MNIST, or data in its form, from the four IDX files in `folder`, plain or gzip: f32[N,1,H,W],
  /// values (x / 255 - 0.1307) / 0.3081.
  public static func mnist(in folder: String, _ split: DataSplit) throws(Diagnostic) -> ImageDataSet
  {
    let stem = split == .train ? "train" : "t10k"
    let imagePath = try idxFile(in: folder, "\(stem)-images", "idx3-ubyte")
    let labelPath = try idxFile(in: folder, "\(stem)-labels", "idx1-ubyte")
    let images = try IDX.read(imagePath), labels = try IDX.read(labelPath)
    do { return try ImageDataSet(images: images, labels: labels, range: nil, .mnist) } catch {
      throw error.at(imagePath)
    }
  }

  /// CIFAR-10 from the binary batches in `folder`, plain or gzip: f32[N,3,32,32], each channel
  /// (x / 255 - mean) / deviation. Of the five training batches those present are taken, in order.
  public static func cifar10(in folder: String, _ split: DataSplit) throws(Diagnostic)
    -> ImageDataSet
  {
    let names = split == .train ? (1...5).map { "data_batch_\($0).bin" } : ["test_batch.bin"]
    let paths = names.compactMap { name in
      ["\(folder)/\(name)", "\(folder)/\(name).gz"].first(where: fileExists)
    }
    guard !paths.isEmpty else { throw missing(names.joined(separator: ", "), in: folder) }
    var pixels: [UInt8] = [], labels: [UInt8] = []
    for path in paths {
      let bytes: [UInt8]
      do {
        let file = try readFile(path)
        bytes = Inflate.isGzip(file) ? try Inflate.gzip(file, limit: 1 << 30) : file
      } catch { throw error.placed(at: path) }
      // A record is one byte of label and three planes of 1024 pixels.
      guard !bytes.isEmpty, bytes.count % 3073 == 0 else {
        throw Diagnostic(
          .malformedFile, "\(bytes.count) bytes are no whole number of images of 3,073 bytes",
          at: path, hint: "use the binary version of CIFAR-10; fetch the file again")
      }
      for start in stride(from: 0, to: bytes.count, by: 3073) {
        guard bytes[start] < 10 else {
          throw Diagnostic(
            .malformedFile, "image \(start / 3073) has label \(bytes[start])", at: path,
            hint: "the labels of CIFAR-10 are 0 to 9")
        }
        labels.append(bytes[start])
        pixels.append(contentsOf: bytes[start + 1..<start + 3073])
      }
    }
    return ImageDataSet(
      pixels: pixels, labels: labels, shape: [3, 32, 32], normalization: .cifar10)
  }

  /// One-channel images u8[N,H,W] and labels u8[N], or `range` of them.
  private init(
    images: AnyTensor, labels: AnyTensor, range: Range<Int>?, _ normalization: Normalization
  ) throws(Diagnostic) {
    guard images.element == .u8, images.shape.count == 3, labels.element == .u8,
      labels.shape == [images.shape[0]], images.elementCount > 0
    else {
      throw Diagnostic(
        .invalidData,
        "images \(images.element.name)\(images.shape) and labels \(labels.element.name)\(labels.shape)",
        hint: "expected are u8[N,H,W] and u8[N] of the same N")
    }
    let range = range ?? 0..<images.shape[0]
    let size = images.shape[1] * images.shape[2]
    self.init(
      pixels: Array(images.bytes[range.lowerBound * size..<range.upperBound * size]),
      labels: Array(labels.bytes[range]), shape: [1] + images.shape[1...],
      normalization: normalization)
  }

  /// The path of an IDX file under one of the names it is known by.
  private static func idxFile(
    in folder: String, _ stem: String, _ kind: String
  ) throws(Diagnostic) -> String {
    let names = ["\(stem)-\(kind)", "\(stem).\(kind)"].flatMap { [$0, "\($0).gz"] }
    guard let name = names.first(where: { fileExists("\(folder)/\($0)") }) else {
      throw missing(names[0], in: folder)
    }
    return "\(folder)/\(name)"
  }

  private static func missing(_ names: String, in folder: String) -> Diagnostic {
    Diagnostic(
      .io, isFolder(folder) ? "the folder lacks \(names)" : "no such folder", at: folder,
      hint: "give the folder that holds \(names), plain or .gz")
  }
}
