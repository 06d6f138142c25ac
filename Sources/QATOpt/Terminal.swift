import QAT

/// Results go to standard output, everything else to standard error.
enum Terminal {
  static func print(_ text: String) { send(text + "\n", to: 1) }
  static func error(_ text: String) { send(text + "\n", to: 2) }
  /// Text without a line end.
  static func write(_ text: String) { send(text, to: 1) }

  /// Progress: text without a line end, on standard error.
  static func show(_ text: String) { send(text, to: 2) }

  /// Whether standard error is a terminal that shows progress in one line.
  static var isInteractive: Bool { FileSystem.isTerminal(2) }

  private static func send(_ text: String, to descriptor: Int32) {
    FileSystem.write(text, toStream: descriptor)
  }
}
