import QATCore
import QATIR

extension OpsetHistory {
  /// Before 11 there was no choice of coordinates: `x / scale`, and the element below. `roi` came
  /// with 11; `tf_half_pixel_for_nn` went with 13.
  static let resize = OpsetHistory(
    "Resize",
    [
      .init(version: 11) { node in
        node.inputs = [node.inputs.first ?? "", "", node.inputs.dropFirst().first ?? ""]
        node.attributes.append(("coordinate_transformation_mode", .string("asymmetric")))
        node.attributes.append(("nearest_mode", .string("floor")))
      },
      .init(version: 13) { node throws(Diagnostic) in
        let coordinates = "coordinate_transformation_mode", rounding = "nearest_mode"
        guard
          let old = node.attributes.first(where: { $0.name == coordinates })?.value,
          old == .string("tf_half_pixel_for_nn")
        else { return }
        // The element below (x + 0.5) / scale is the nearest to half a pixel before it.
        guard node.take(rounding) == .string("floor") else {
          throw Diagnostic(
            .unsupported,
            "\(coordinates) 'tf_half_pixel_for_nn' with another \(rounding) than floor")
        }
        _ = node.take(coordinates)
        node.attributes.append((rounding, .string("round_prefer_ceil")))
      },
    ],
    needed: { node, _ in
      guard let resize = node.op as? Resize else { return 13 }
      if resize.coordinates == .halfPixelSymmetric { return 19 }
      return resize.antialias || resize.axes != nil || resize.policy != .stretch ? 18 : 13
    })

  /// What `Resize` was called before 10; its scales were attributes before 9.
  static let upsample = OpsetHistory(
    "Upsample",
    [
      .init(version: 7) { node throws(Diagnostic) in
        guard case .float(let height)? = node.take("height_scale"),
          case .float(let width)? = node.take("width_scale")
        else { throw Diagnostic(.invalidAttribute, "height_scale or width_scale is missing") }
        node.attributes.append(("scales", .floats([1, 1, height, width])))
        if let mode = node.take("mode") {
          node.attributes.append(("mode", mode == .string("bilinear") ? .string("linear") : mode))
        }
      },
      .init(version: 9) { node throws(Diagnostic) in
        guard case .floats(let scales)? = node.take("scales") else {
          throw Diagnostic(.invalidAttribute, "scales is missing")
        }
        node.setInput(1, to: AnyTensor(shape: [scales.count], scales), named: "scales")
      },
      .renamed(at: 10, to: "Resize"),
    ])
}
