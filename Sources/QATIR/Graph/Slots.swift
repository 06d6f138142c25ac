/// Elements by number, of which some were removed: what a graph keeps its nodes and values in.
///
/// Not an array of optionals: reading a field of an optional struct copies the struct, and a node or a
/// value costs a retain for each of its arrays, texts and dictionaries.
struct Slots<Element: Sendable>: Sendable {
  private var elements: [Element] = []
  private var isLive: [Bool] = []
  /// What stands where an element was removed.
  private let placeholder: Element
  /// How many elements there are, without those that were removed.
  private(set) var liveCount = 0

  init(placeholder: Element) { self.placeholder = placeholder }

  /// The numbers given out so far.
  var indices: Range<Int> { elements.indices }

  func contains(_ index: Int) -> Bool { isLive.indices.contains(index) && isLive[index] }

  /// - Precondition: there is such an element.
  subscript(index: Int) -> Element {
    _read {
      precondition(isLive[index], "it was removed")
      yield elements[index]
    }
    _modify {
      precondition(isLive[index], "it was removed")
      yield &elements[index]
    }
  }

  /// Adds an element under the next number.
  mutating func append(_ element: Element) {
    elements.append(element)
    isLive.append(true)
    liveCount += 1
  }

  mutating func remove(_ index: Int) {
    precondition(isLive[index], "it was removed")
    elements[index] = placeholder
    isLive[index] = false
    liveCount -= 1
  }

  mutating func reserveCapacity(_ count: Int) {
    elements.reserveCapacity(count)
    isLive.reserveCapacity(count)
  }
}
