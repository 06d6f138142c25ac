import CYAML

/// What a YAML text says, one thing after the other, as libyaml finds it.
@safe struct YAMLEvents: ~Copyable {
  enum Event {
    case streamStart, streamEnd
    case documentStart, documentEnd
    case alias(String)
    case scalar(String, anchor: String?)
    case sequenceStart(anchor: String?), sequenceEnd
    case mappingStart(anchor: String?), mappingEnd
  }

  /// A text that is no YAML; without a place where its bytes are no text.
  struct Problem: Error {
    var text: String
    var mark: YAMLMark?
  }

  private let parser: UnsafeMutablePointer<yaml_parser_t>
  private let text: UnsafeMutableBufferPointer<UInt8>

  init(of string: String) throws(Problem) {
    // SAFETY: the parser keeps its own address and that of the text; both stay until `deinit`.
    unsafe parser = .allocate(capacity: 1)
    unsafe parser.initialize(to: yaml_parser_t())
    unsafe text = .allocate(capacity: string.utf8.count)
    _ = unsafe text.initialize(from: string.utf8)
    guard unsafe yaml_parser_initialize(parser) == 1 else {
      throw Problem(text: "there is not enough memory")
    }
    unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    unsafe yaml_parser_set_input_string(parser, text.baseAddress, text.count)
  }

  deinit {
    unsafe yaml_parser_delete(parser)
    unsafe parser.deallocate()
    unsafe text.deallocate()
  }

  /// The next event, and where it begins.
  mutating func next() throws(Problem) -> (Event, YAMLMark) {
    var event = unsafe yaml_event_t()
    // SAFETY: an event that was parsed is read by its own type, and its strings are copied.
    guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw problem }
    defer { unsafe yaml_event_delete(&event) }
    return unsafe (Self.event(event), YAMLMark(event.start_mark))
  }

  private static func event(_ event: yaml_event_t) -> Event {
    let data = unsafe event.data
    switch unsafe event.type {
    case YAML_STREAM_START_EVENT: return .streamStart
    case YAML_DOCUMENT_START_EVENT: return .documentStart
    case YAML_DOCUMENT_END_EVENT: return .documentEnd
    case YAML_ALIAS_EVENT: return unsafe .alias(string(data.alias.anchor) ?? "")
    case YAML_SCALAR_EVENT:
      let scalar = unsafe data.scalar
      let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
      return unsafe .scalar(String(decoding: bytes, as: UTF8.self), anchor: string(scalar.anchor))
    case YAML_SEQUENCE_START_EVENT:
      return unsafe .sequenceStart(anchor: string(data.sequence_start.anchor))
    case YAML_SEQUENCE_END_EVENT: return .sequenceEnd
    case YAML_MAPPING_START_EVENT:
      return unsafe .mappingStart(anchor: string(data.mapping_start.anchor))
    case YAML_MAPPING_END_EVENT: return .mappingEnd
    default: return .streamEnd
    }
  }

  private static func string(_ bytes: UnsafeMutablePointer<UInt8>?) -> String? {
    guard let bytes = unsafe bytes else { return nil }
    return unsafe String(cString: bytes)
  }

  private var problem: Problem {
    // SAFETY: the texts of problems are constants.
    let parser = unsafe parser.pointee
    let text = unsafe parser.problem.map { unsafe String(cString: $0) } ?? "not to be read"
    let isOfBytes = unsafe parser.error == YAML_READER_ERROR
    return unsafe Problem(text: text, mark: isOfBytes ? nil : YAMLMark(parser.problem_mark))
  }
}

extension YAMLMark {
  fileprivate init(_ mark: yaml_mark_t) {
    self.init(line: mark.line + 1, column: mark.column + 1)
  }
}
