import QATCore
import QATIR

/// Averages of codes, with many ties, and what ONNX Runtime 1.31.1 (CPU, x86-64 with VNNI)
/// computes for them.
extension RuntimeCase {
  static let averages: [RuntimeCase] = [
    RuntimeCase(
      "AveragePool u8",
      QLinearAveragePool(WindowAttributes(kernelShape: [2, 2], strides: [2, 2])),
      [
        AnyTensor(
          shape: [1, 2, 4, 4],
          [
            250, 4, 253, 96, 124, 246, 35, 4, 145, 151, 65, 77, 226,
            96, 41, 13, 200, 35, 131, 243, 141, 141, 191, 179, 232, 95, 96, 136, 228, 72, 203, 91,
          ] as [UInt8]), AnyTensor(shape: [], [0.5] as [Float]),
        AnyTensor(shape: [], [11] as [UInt8]),
        AnyTensor(shape: [], [0.5] as [Float]), AnyTensor(shape: [], [7] as [UInt8]),
      ],
      [
        AnyTensor(shape: [1, 2, 2, 2], [152, 93, 150, 45, 125, 182, 153, 128] as [UInt8])
      ]),
    RuntimeCase(
      "AveragePool padded u8",
      QLinearAveragePool(
        WindowAttributes(kernelShape: [3, 3], pads: [1, 1, 1, 1], strides: [2, 2])),
      [
        AnyTensor(
          shape: [1, 1, 5, 5],
          [
            66, 157, 247, 65, 134, 100, 179, 91, 13, 84, 43, 197, 83,
            19, 75, 30, 118, 212, 111, 96, 31, 174, 83, 127, 176,
          ] as [UInt8]),
        AnyTensor(
          shape: [],
          [0.25] as [Float]), AnyTensor(shape: [], [1] as [UInt8]),
        AnyTensor(shape: [], [0.5] as [Float]), AnyTensor(shape: [], [3] as [UInt8]),
      ],
      [
        AnyTensor(shape: [1, 1, 3, 3], [65, 65, 40, 58, 59, 36, 47, 71, 66] as [UInt8])
      ]),
    RuntimeCase(
      "AveragePool with padding counted u8",
      QLinearAveragePool(
        WindowAttributes(kernelShape: [2, 2], pads: [1, 0, 0, 1]), countIncludePad: true),
      [
        AnyTensor(shape: [1, 1, 3, 3], [225, 241, 20, 103, 113, 90, 192, 65, 237] as [UInt8]),
        AnyTensor(shape: [], [0.25] as [Float]), AnyTensor(shape: [], [1] as [UInt8]),
        AnyTensor(shape: [], [0.25] as [Float]), AnyTensor(shape: [], [3] as [UInt8]),
      ],
      [
        AnyTensor(shape: [1, 1, 3, 3], [119, 68, 8, 172, 118, 30, 120, 128, 84] as [UInt8])
      ]),
    RuntimeCase(
      "AveragePool ceil u8",
      QLinearAveragePool(WindowAttributes(kernelShape: [3, 3], strides: [2, 2]), ceilMode: true),
      [
        AnyTensor(
          shape: [1, 1, 4, 4],
          [
            174, 29, 102, 108, 122, 31, 127, 136, 70, 119, 172, 231,
            173, 182, 244, 15,
          ] as [UInt8]), AnyTensor(shape: [], [0.25] as [Float]),
        AnyTensor(shape: [], [1] as [UInt8]), AnyTensor(shape: [], [0.25] as [Float]),
        AnyTensor(shape: [], [3] as [UInt8]),
      ],
      [
        AnyTensor(shape: [1, 1, 2, 2], [107, 148, 162, 168] as [UInt8])
      ]),
    RuntimeCase(
      "AveragePool ceil, padding counted u8",
      QLinearAveragePool(
        WindowAttributes(kernelShape: [3, 3], pads: [1, 1, 0, 0], strides: [2, 2]), ceilMode: true,
        countIncludePad: true),
      [
        AnyTensor(
          shape: [1, 1, 5, 5],
          [
            140, 81, 222, 24, 93, 72, 90, 37, 197, 161, 83, 244, 149,
            155, 226, 216, 149, 60, 205, 14, 126, 146, 208, 237, 241,
          ] as [UInt8]), AnyTensor(shape: [], [0.25] as [Float]),
        AnyTensor(shape: [], [1] as [UInt8]),
        AnyTensor(
          shape: [],
          [0.25]
            as [Float]), AnyTensor(shape: [], [3] as [UInt8]),
      ],
      [
        AnyTensor(shape: [1, 1, 3, 3], [45, 75, 55, 97, 145, 109, 73, 114, 80] as [UInt8])
      ]),
    RuntimeCase(
      "AveragePool 1-D u8", QLinearAveragePool(WindowAttributes(kernelShape: [2])),
      [
        AnyTensor(shape: [1, 1, 9], [15, 96, 120, 126, 133, 211, 81, 88, 129] as [UInt8]),
        AnyTensor(shape: [], [0.25] as [Float]), AnyTensor(shape: [], [1] as [UInt8]),
        AnyTensor(shape: [], [0.25] as [Float]), AnyTensor(shape: [], [3] as [UInt8]),
      ],
      [
        AnyTensor(shape: [1, 1, 8], [58, 110, 125, 132, 174, 148, 86, 110] as [UInt8])
      ]),
    RuntimeCase(
      "GlobalAveragePool u8", QLinearGlobalAveragePool(),
      [
        AnyTensor(
          shape: [2, 3, 2, 4],
          [
            166, 7, 229, 44, 42, 243, 37, 201, 12, 125, 92, 248, 61,
            182, 207, 42, 120, 61, 38, 252, 215, 10, 223, 112, 5, 43, 150, 106, 16, 196, 85, 216,
            67,
            7, 188, 59, 65, 209, 76, 78, 254, 34, 248, 222, 242, 123, 125, 71,
          ] as [UInt8]),
        AnyTensor(shape: [], [0.5] as [Float]), AnyTensor(shape: [], [3] as [UInt8]),
        AnyTensor(shape: [], [0.25] as [Float]), AnyTensor(shape: [], [5] as [UInt8]),
      ],
      [
        AnyTensor(shape: [2, 3, 1, 1], [241, 241, 255, 203, 186, 255] as [UInt8])
      ]),
    RuntimeCase(
      "AveragePool i8",
      QLinearAveragePool(WindowAttributes(kernelShape: [2, 2], strides: [2, 2])),
      [
        AnyTensor(
          shape: [1, 2, 4, 4],
          [
            67, -39, 26, -108, -100, 17, 59, 97, -22, -39, -51, -21,
            -72, -49, -91, 49, 99, 29, -11, 66, -103, 104, 5, -53, -51, 15, 81, 9, -40, -40, -128,
            -117,
          ] as [Int8]), AnyTensor(shape: [], [0.5] as [Float]),
        AnyTensor(shape: [], [11] as [Int8]), AnyTensor(shape: [], [0.5] as [Float]),
        AnyTensor(shape: [], [7] as [Int8]),
      ],
      [
        AnyTensor(shape: [1, 2, 2, 2], [-18, 14, -50, -32, 28, -2, -33, -43] as [Int8])
      ]),
    RuntimeCase(
      "AveragePool padded i8",
      QLinearAveragePool(
        WindowAttributes(kernelShape: [3, 3], pads: [1, 1, 1, 1], strides: [2, 2])),
      [
        AnyTensor(
          shape: [1, 1, 5, 5],
          [
            -75, 20, -40, -43, -6, 38, 16, 49, 91, 95, -93, 95, -88,
            16, 70, -106, 99, 39, -122, -73, 37, -17, -102, 117, 74,
          ] as [Int8]),
        AnyTensor(
          shape: [],
          [0.25] as [Float]), AnyTensor(shape: [], [1] as [Int8]),
        AnyTensor(shape: [], [0.5] as [Float]), AnyTensor(shape: [], [3] as [Int8]),
      ],
      [
        AnyTensor(shape: [1, 1, 3, 3], [2, 10, 20, 7, 13, 9, 4, 4, 2] as [Int8])
      ]),
    RuntimeCase(
      "AveragePool with padding counted i8",
      QLinearAveragePool(
        WindowAttributes(kernelShape: [2, 2], pads: [1, 0, 0, 1]), countIncludePad: true),
      [
        AnyTensor(shape: [1, 1, 3, 3], [29, -9, 123, -37, 60, 6, 73, 46, 36] as [Int8]),
        AnyTensor(shape: [], [0.25] as [Float]), AnyTensor(shape: [], [1] as [Int8]),
        AnyTensor(shape: [], [0.25] as [Float]), AnyTensor(shape: [], [3] as [Int8]),
      ],
      [
        AnyTensor(shape: [1, 1, 3, 3], [8, 31, 34, 13, 47, 35, 38, 39, 13] as [Int8])
      ]),
    RuntimeCase(
      "AveragePool ceil i8",
      QLinearAveragePool(WindowAttributes(kernelShape: [3, 3], strides: [2, 2]), ceilMode: true),
      [
        AnyTensor(
          shape: [1, 1, 4, 4],
          [
            30, -108, -89, 9, -90, -101, 22, 39, -42, -46, 107, 7,
            -60, -76, 25, -65,
          ] as [Int8]), AnyTensor(shape: [], [0.25] as [Float]),
        AnyTensor(shape: [], [1] as [Int8]), AnyTensor(shape: [], [0.25] as [Float]),
        AnyTensor(shape: [], [3] as [Int8]),
      ],
      [
        AnyTensor(shape: [1, 1, 2, 2], [-33, 18, -13, 20] as [Int8])
      ]),
    RuntimeCase(
      "AveragePool ceil, padding counted i8",
      QLinearAveragePool(
        WindowAttributes(kernelShape: [3, 3], pads: [1, 1, 0, 0], strides: [2, 2]), ceilMode: true,
        countIncludePad: true),
      [
        AnyTensor(
          shape: [1, 1, 5, 5],
          [
            -26, -22, -72, 17, -38, -45, -124, -101, 61, -101, 83,
            -72, -113, 110, -40, -83, -67, -15, -104, -47, -15, -33, 36, -79, -34,
          ] as [Int8]),
        AnyTensor(shape: [], [0.25] as [Float]), AnyTensor(shape: [], [1] as [Int8]),
        AnyTensor(shape: [], [0.25] as [Float]), AnyTensor(shape: [], [3] as [Int8]),
      ],
      [
        AnyTensor(shape: [1, 1, 3, 3], [-22, -24, -4, -32, -45, -11, -19, -27, -27] as [Int8])
      ]),
    RuntimeCase(
      "AveragePool 1-D i8", QLinearAveragePool(WindowAttributes(kernelShape: [2])),
      [
        AnyTensor(shape: [1, 1, 9], [57, -36, -66, 64, -114, 77, 67, -28, 47] as [Int8]),
        AnyTensor(shape: [], [0.25] as [Float]), AnyTensor(shape: [], [1] as [Int8]),
        AnyTensor(shape: [], [0.25] as [Float]), AnyTensor(shape: [], [3] as [Int8]),
      ],
      [
        AnyTensor(shape: [1, 1, 8], [12, -49, 1, -23, -16, 74, 22, 12] as [Int8])
      ]),
    RuntimeCase(
      "GlobalAveragePool i8", QLinearGlobalAveragePool(),
      [
        AnyTensor(
          shape: [2, 3, 2, 4],
          [
            61, 42, 52, -23, 45, 119, -104, 32, 32, -91, 65, -80,
            -115, 15, 72, -80, 62, 56, 86, 117, -38, 106, 101, -2, 92, -8, -50, -63, 105, -9, -37,
            -101, 82, 75, 25, 101, -103, 4, -49, -114, -51, -119, -118, -103, -8, -30, 53, 17,
          ] as [Int8]), AnyTensor(shape: [], [0.5] as [Float]), AnyTensor(shape: [], [3] as [Int8]),
        AnyTensor(shape: [], [0.25] as [Float]), AnyTensor(shape: [], [5] as [Int8]),
      ],
      [
        AnyTensor(shape: [2, 3, 1, 1], [55, -47, 121, -19, 4, -91] as [Int8])
      ]),
  ]
}
