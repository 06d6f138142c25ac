import QATCore
import QATIR
import QATONNX
import Testing

@Suite("Model-local functions")
struct FunctionTests {
  /// `name(x) -> y` of the domain `own`.
  private func function(
    _ name: String, _ nodes: [Wire], opset: Int = 17, overload: String = ""
  ) -> Wire {
    [
      .text(1, name), .text(4, "x"), .text(5, "y"),
      Wire(nodes.flatMap { Wire.message(7, $0).bytes }),
      .message(9, .int(2, opset)), .message(9, [.text(1, "own"), .int(2, 1)]), .text(10, "own"),
      overload.isEmpty ? [] : .text(13, overload),
    ]
  }

  private func model(_ nodes: [Wire], _ functions: [Wire]) -> [UInt8] {
    Wire.model(.graph(nodes)) + Wire(functions.flatMap { Wire.message(25, $0).bytes }).bytes
  }

  private func call(_ name: String, _ x: String, _ y: String, _ more: Wire = []) -> Wire {
    .node(name, [x], [y], .text(7, "own") + more)
  }

  private func failure(_ bytes: [UInt8]) -> Diagnostic? {
    do throws(Diagnostic) {
      try imported(bytes)
      return nil
    } catch { return error }
  }

  @Test("are replaced by their nodes, under names that nothing else has")
  func inline() throws {
    let twice = function("Twice", [call("Once", "x", "h"), call("Once", "h", "y")])
    let once = function("Once", [.node("Neg", ["x"], ["t"]), .node("Relu", ["t"], ["y"])])
    let other = function("Once", [.node("Abs", ["x"], ["y"])], overload: "b")
    let graph = try imported(
      model(
        [
          .node("Abs", ["x"], ["m/h"]), call("Twice", "m/h", "m"),
          call("Once", "m", "y", .text(8, "b")),
        ], [twice, once, other]))
    let names = graph.nodes.map { "\(graph[$0].op.name)" }
    #expect(names == ["Abs", "Neg", "Relu", "Neg", "Relu", "Abs"])
    #expect(graph.value(named: "m") != nil)
    try graph.verify()
  }

  @Test("that call themselves are refused")
  func recursion() {
    let a = function("A", [call("B", "x", "y")]), b = function("B", [call("A", "x", "y")])
    let error = failure(model([call("A", "x", "y")], [a, b]))
    #expect(error?.code == .malformedFile && error?.message == "the function A calls itself")
    // One that nobody calls does no harm.
    #expect(failure(model([.node("Relu", ["x"], ["y"])], [a, b])) == nil)
  }

  @Test("that call others very deep, or make very many nodes, are refused soon")
  func explosion() {
    func chain(_ count: Int, calls: Int) -> [Wire] {
      (0..<count).map { level in
        var nodes: [Wire] = [], last = "x"
        for index in 0..<calls {
          let next = index == calls - 1 ? "y" : "h\(index)"
          nodes.append(
            level == count - 1
              ? .node("Neg", [last], [next]) : call("F\(level + 1)", last, next))
          last = next
        }
        return function("F\(level)", nodes)
      }
    }
    let start = ContinuousClock.now
    let wide = failure(model([call("F0", "x", "y")], chain(40, calls: 2)))
    #expect(wide?.message.contains("more nodes than a model of this size warrants") == true)
    #expect(ContinuousClock.now - start < .seconds(60))
    let deep = failure(model([call("F0", "x", "y")], chain(5_000, calls: 1)))
    #expect(deep?.message.contains("more than 64 deep") == true)
  }
}
