import QATCore

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The whole of a regular file.
///
/// - Throws: `io` where it can't be read, with the path as the place.
func readFile(_ path: String) throws(Diagnostic) -> [UInt8] {
  guard FileManager.default.fileExists(atPath: path) else {
    throw Diagnostic(.io, "no such file", at: path, hint: nearFileHint(path))
  }
  let type = try? FileManager.default.attributesOfItem(atPath: resolvedLink(path))[.type]
  guard type as? FileAttributeType == .typeRegular else {
    throw Diagnostic(.io, "not a regular file", at: path, hint: "give the path of a data file")
  }
  do {
    return try Array(Data(contentsOf: URL(filePath: path)))
  } catch {
    throw Diagnostic(.io, "can't be read: \(error)", at: path, hint: "check the permissions")
  }
}

/// Writes a file in one piece: it is there as a whole, or as it was before.
func writeFile(_ path: String, _ bytes: [UInt8]) throws(Diagnostic) {
  do {
    try Data(bytes).write(to: URL(filePath: path), options: .atomic)
  } catch {
    throw Diagnostic(
      .io, "can't be written: \(error)", at: path,
      hint: "check that the folder is there, can be written and has space")
  }
}

/// Whether there is a folder (or a link to one) at `path`.
func isFolder(_ path: String) -> Bool {
  var isDirectory = false
  #if canImport(FoundationEssentials)
    return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory
  #else
    var answer: ObjCBool = false
    isDirectory = unsafe FileManager.default.fileExists(atPath: path, isDirectory: &answer)
    return isDirectory && answer.boolValue
  #endif
}

func fileExists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

/// The names in a folder, in natural order: `sample_2` comes before `sample_10`.
func namesInFolder(_ path: String) throws(Diagnostic) -> [String] {
  do {
    return try FileManager.default.contentsOfDirectory(atPath: path)
      .sorted { naturallyPrecedes($0, $1) }
  } catch {
    throw Diagnostic(.io, "can't be listed: \(error)", at: path, hint: "check the permissions")
  }
}

/// Names beside a missing file that its name may stand for.
private func nearFileHint(_ path: String) -> String? {
  let url = URL(filePath: path)
  let names = try? FileManager.default.contentsOfDirectory(
    atPath: url.deletingLastPathComponent().path)
  guard let names else { return "its folder is missing as well" }
  let near = nearestNames(to: url.lastPathComponent, among: names)
  return near.isEmpty ? "check the path" : nameHint(url.lastPathComponent, among: near)
}

private func resolvedLink(_ path: String) -> String {
  URL(filePath: path).resolvingSymlinksInPath().path
}

/// Orders names as people count: runs of digits compare as numbers.
func naturallyPrecedes(_ a: String, _ b: String) -> Bool {
  let x = naturalParts(a), y = naturalParts(b)
  for (p, q) in zip(x, y) where p != q {
    // A longer number is a larger one; words compare as text.
    if p.isNumber, q.isNumber, p.text.count != q.text.count { return p.text.count < q.text.count }
    if p.text != q.text { return p.text < q.text }
  }
  return x.count == y.count ? a < b : x.count < y.count
}

private struct NamePart: Equatable {
  var isNumber: Bool
  var text: String
}

private func naturalParts(_ name: String) -> [NamePart] {
  var parts: [NamePart] = []
  for character in name {
    let isDigit = character.isASCII && character.isNumber
    if parts.last?.isNumber != isDigit { parts.append(NamePart(isNumber: isDigit, text: "")) }
    parts[parts.count - 1].text.append(character)
  }
  return parts.map { part in
    guard part.isNumber else { return part }
    return NamePart(isNumber: true, text: String(part.text.drop { $0 == "0" }))
  }
}
