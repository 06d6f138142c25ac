import QAT

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Makes a folder, and those it lies in, where there are none.
func makeFolder(_ path: String) throws(Diagnostic) {
  var part = path.hasPrefix("/") ? "/" : ""
  for component in path.split(separator: "/") {
    part += (part.isEmpty || part.hasSuffix("/") ? "" : "/") + component
    guard mkdir(part, 0o755) != 0, errno != EEXIST else { continue }
    throw Diagnostic(.io, "the folder can't be made", at: part, hint: "check the path and its permissions")
  }
}


/// The size of a file in bytes.
func fileSize(_ path: String) throws(Diagnostic) -> Int {
  var status = stat()
  guard unsafe stat(path, &status) == 0 else { throw Diagnostic(.io, "can't be read", at: path) }
  return Int(status.st_size)
}
