/// A value of a YAML text, and where it begins.
struct YAMLNode {
  enum Content {
    /// Text as it means, without quotes and escapes; empty where a value is left out.
    case scalar(String)
    case sequence([YAMLNode])
    /// In the order of the text; keys may stand twice.
    case mapping([(key: YAMLNode, value: YAMLNode)])
  }

  var content: Content
  var mark: YAMLMark
}

/// A place in a YAML text; both count from 1.
struct YAMLMark {
  var line: Int
  var column: Int
}
