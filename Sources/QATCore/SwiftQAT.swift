/// The project itself.
public enum SwiftQAT {
  /// What the command prints, and what it notes in files it writes.
  public static let version = "0.1.0"
}
