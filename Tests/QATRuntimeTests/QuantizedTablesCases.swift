import QATCore
import QATIR

/// Tables and softmax of codes, with many ties, and what ONNX Runtime 1.31.1 (CPU, x86-64 with
/// VNNI) computes for them.
extension RuntimeCase {
  static let tables: [RuntimeCase] = [
    RuntimeCase(
      "Sigmoid u8", QLinearSigmoid(),
      [
        AnyTensor(shape: [12], [88, 12, 24, 92, 92, 247, 215, 43, 191, 157, 164, 100] as [UInt8]),
        AnyTensor(shape: [], [0.0625] as [Float]), AnyTensor(shape: [], [3] as [UInt8]),
        AnyTensor(shape: [], [0.00390625] as [Float]), AnyTensor(shape: [], [0] as [UInt8]),
      ],
      [
        AnyTensor(
          shape: [12], [255, 163, 202, 255, 255, 255, 255, 237, 255, 255, 255, 255] as [UInt8])
      ]),
    RuntimeCase(
      "LeakyRelu u8", QLinearLeakyRelu(alpha: 0.25),
      [
        AnyTensor(
          shape: [14], [3, 89, 141, 113, 163, 176, 61, 162, 205, 224, 34, 15, 12, 28] as [UInt8]),
        AnyTensor(shape: [], [0.5] as [Float]), AnyTensor(shape: [], [33] as [UInt8]),
        AnyTensor(shape: [], [0.25] as [Float]), AnyTensor(shape: [], [7] as [UInt8]),
      ],
      [
        AnyTensor(
          shape: [14], [0, 119, 223, 167, 255, 255, 63, 255, 255, 255, 9, 0, 0, 5] as [UInt8])
      ]),
    RuntimeCase(
      "Concat u8", QLinearConcat(axis: 1),
      [
        AnyTensor(shape: [], [0.5] as [Float]), AnyTensor(shape: [], [5] as [UInt8]),
        AnyTensor(shape: [2, 3], [112, 145, 192, 64, 203, 205] as [UInt8]),
        AnyTensor(
          shape: [],
          [0.25] as [Float]), AnyTensor(shape: [], [9] as [UInt8]),
        AnyTensor(
          shape: [2, 2],
          [
            25,
            218, 17, 153,
          ] as [UInt8]), AnyTensor(shape: [], [0.5] as [Float]),
        AnyTensor(
          shape: [],
          [5] as [UInt8]), AnyTensor(shape: [2, 1], [49, 235] as [UInt8]),
        AnyTensor(
          shape: [],
          [0.75] as [Float]), AnyTensor(shape: [], [11] as [UInt8]),
      ],
      [
        AnyTensor(shape: [2, 6], [57, 73, 97, 25, 218, 62, 33, 102, 103, 17, 153, 255] as [UInt8])
      ]),
    RuntimeCase(
      "Softmax u8 0.00390625", QLinearSoftmax(axis: -1),
      [
        AnyTensor(
          shape: [3, 5],
          [
            188, 180, 242, 162, 203, 54, 191, 162, 158, 176, 255, 0, 0, 0,
            0,
          ] as [UInt8]), AnyTensor(shape: [], [0.05000000074505806] as [Float]),
        AnyTensor(shape: [], [3] as [UInt8]), AnyTensor(shape: [], [0.00390625] as [Float]),
        AnyTensor(
          shape: [],
          [0] as [UInt8]),
      ],
      [
        AnyTensor(
          shape: [3, 5], [14, 9, 201, 4, 29, 0, 135, 32, 26, 64, 255, 0, 0, 0, 0] as [UInt8])
      ]),
    RuntimeCase(
      "Softmax u8 0.0071", QLinearSoftmax(axis: -1),
      [
        AnyTensor(
          shape: [3, 5],
          [39, 40, 135, 233, 144, 58, 39, 115, 67, 148, 255, 0, 0, 0, 0]
            as [UInt8]), AnyTensor(shape: [], [0.05000000074505806] as [Float]),
        AnyTensor(
          shape: [],
          [3] as [UInt8]), AnyTensor(shape: [], [0.0071000000461936] as [Float]),
        AnyTensor(shape: [], [3] as [UInt8]),
      ],
      [
        AnyTensor(shape: [3, 5], [3, 3, 4, 140, 5, 4, 3, 25, 5, 117, 143, 3, 3, 3, 3] as [UInt8])
      ]),
    RuntimeCase(
      "Softmax middle axis u8", QLinearSoftmax(axis: 1),
      [
        AnyTensor(
          shape: [2, 3, 2], [244, 244, 148, 105, 113, 194, 59, 182, 62, 103, 92, 7] as [UInt8]),
        AnyTensor(shape: [], [0.019999999552965164] as [Float]),
        AnyTensor(
          shape: [],
          [0] as [UInt8]), AnyTensor(shape: [], [0.00390625] as [Float]),
        AnyTensor(
          shape: [],
          [0]
            as [UInt8]),
      ],
      [
        AnyTensor(
          shape: [2, 3, 2], [210, 179, 31, 11, 15, 66, 64, 207, 68, 43, 124, 6] as [UInt8])
      ]),
    RuntimeCase(
      "Softmax before 13 u8", QLinearSoftmax(axis: 1, opset: 12),
      [
        AnyTensor(
          shape: [2, 3, 2], [229, 127, 83, 127, 72, 93, 254, 206, 33, 179, 177, 32] as [UInt8]),
        AnyTensor(shape: [], [0.019999999552965164] as [Float]),
        AnyTensor(
          shape: [],
          [0] as [UInt8]), AnyTensor(shape: [], [0.00390625] as [Float]),
        AnyTensor(
          shape: [],
          [0]
            as [UInt8]),
      ],
      [
        AnyTensor(shape: [2, 3, 2], [180, 23, 10, 23, 8, 12, 139, 53, 2, 31, 30, 2] as [UInt8])
      ]),
    RuntimeCase(
      "Sigmoid i8", QLinearSigmoid(),
      [
        AnyTensor(
          shape: [12], [-15, 70, 12, 24, -126, 99, -95, 16, -107, 109, -31, 100] as [Int8]),
        AnyTensor(shape: [], [0.0625] as [Float]), AnyTensor(shape: [], [3] as [Int8]),
        AnyTensor(shape: [], [0.00390625] as [Float]), AnyTensor(shape: [], [-128] as [Int8]),
      ],
      [
        AnyTensor(
          shape: [12], [-65, 124, 35, 74, -128, 127, -127, 49, -128, 127, -101, 127] as [Int8])
      ]),
    RuntimeCase(
      "LeakyRelu i8", QLinearLeakyRelu(alpha: 0.25),
      [
        AnyTensor(
          shape: [14],
          [
            112, -90, 53, -55, -108, -32, -115, -28, -96, -67, 89, 108, -67,
            -43,
          ] as [Int8]), AnyTensor(shape: [], [0.5] as [Float]),
        AnyTensor(shape: [], [33] as [Int8]), AnyTensor(shape: [], [0.25] as [Float]),
        AnyTensor(shape: [], [7] as [Int8]),
      ],
      [
        AnyTensor(
          shape: [14],
          [
            127, -55, 47, -37, -63, -25, -67, -23, -57, -43, 119, 127, -43,
            -31,
          ] as [Int8])
      ]),
    RuntimeCase(
      "Concat i8", QLinearConcat(axis: 1),
      [
        AnyTensor(shape: [], [0.5] as [Float]), AnyTensor(shape: [], [5] as [Int8]),
        AnyTensor(shape: [2, 3], [-60, -52, -74, 68, -96, -98] as [Int8]),
        AnyTensor(
          shape: [],
          [0.25] as [Float]), AnyTensor(shape: [], [9] as [Int8]),
        AnyTensor(
          shape: [2, 2],
          [
            -39,
            0, -23, -128,
          ] as [Int8]), AnyTensor(shape: [], [0.5] as [Float]),
        AnyTensor(
          shape: [],
          [5] as [Int8]), AnyTensor(shape: [2, 1], [89, -27] as [Int8]),
        AnyTensor(
          shape: [],
          [0.75] as [Float]), AnyTensor(shape: [], [11] as [Int8]),
      ],
      [
        AnyTensor(
          shape: [2, 6], [-29, -25, -37, -39, 0, 122, 35, -47, -49, -23, -128, -52] as [Int8])
      ]),
    RuntimeCase(
      "Softmax i8 0.00390625", QLinearSoftmax(axis: -1),
      [
        AnyTensor(
          shape: [3, 5],
          [
            89, -40, 105, 106, 41, -59, 91, -16, 4, -12, 127, -128, -128,
            -128, -128,
          ] as [Int8]), AnyTensor(shape: [], [0.05000000074505806] as [Float]),
        AnyTensor(shape: [], [3] as [Int8]), AnyTensor(shape: [], [0.00390625] as [Float]),
        AnyTensor(shape: [], [-128] as [Int8]),
      ],
      [
        AnyTensor(
          shape: [3, 5],
          [
            -83, -128, -27, -22, -124, -128, 122, -127, -125, -127, 127,
            -128, -128, -128, -128,
          ] as [Int8])
      ]),
    RuntimeCase(
      "Softmax i8 0.0071", QLinearSoftmax(axis: -1),
      [
        AnyTensor(
          shape: [3, 5],
          [
            63, -19, 120, -32, -32, -123, 54, -6, 60, -88, 127, -128, -128,
            -128, -128,
          ] as [Int8]), AnyTensor(shape: [], [0.05000000074505806] as [Float]),
        AnyTensor(shape: [], [3] as [Int8]), AnyTensor(shape: [], [0.0071000000461936] as [Float]),
        AnyTensor(shape: [], [3] as [Int8]),
      ],
      [
        AnyTensor(shape: [3, 5], [11, 3, 127, 3, 3, 3, 61, 6, 82, 3, 127, 3, 3, 3, 3] as [Int8])
      ]),
    RuntimeCase(
      "Softmax middle axis i8", QLinearSoftmax(axis: 1),
      [
        AnyTensor(
          shape: [2, 3, 2], [-106, 35, -70, 80, 57, 35, -124, -59, 97, 0, 51, 81] as [Int8]),
        AnyTensor(shape: [], [0.019999999552965164] as [Float]),
        AnyTensor(
          shape: [],
          [0] as [Int8]), AnyTensor(shape: [], [0.00390625] as [Float]),
        AnyTensor(
          shape: [],
          [-128] as [Int8]),
      ],
      [
        AnyTensor(
          shape: [2, 3, 2],
          [-119, -71, -110, 13, 101, -71, -126, -116, 53, -88, -56, 75]
            as [Int8])
      ]),
    RuntimeCase(
      "Softmax before 13 i8", QLinearSoftmax(axis: 1, opset: 12),
      [
        AnyTensor(
          shape: [2, 3, 2],
          [-63, 115, -71, -73, -38, -14, 110, -87, -17, -104, 119, -77]
            as [Int8]), AnyTensor(shape: [], [0.019999999552965164] as [Float]),
        AnyTensor(
          shape: [],
          [0] as [Int8]), AnyTensor(shape: [], [0.00390625] as [Float]),
        AnyTensor(
          shape: [],
          [-128] as [Int8]),
      ],
      [
        AnyTensor(
          shape: [2, 3, 2],
          [
            -122, 86, -123, -123, -118, -112, -18, -126, -119, -126, 3,
            -125,
          ] as [Int8])
      ]),
  ]
}
