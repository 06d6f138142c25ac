import QATCore
import QATIR

/// Matrix products of codes, with many ties, and what ONNX Runtime 1.31.1 (CPU, x86-64 with VNNI)
/// computes for them.
extension RuntimeCase {
  static let products: [RuntimeCase] = [
    RuntimeCase(
      "QLinearMatMul u8s8, columns", QLinearMatMul(),
      [
        AnyTensor(
          shape: [3, 4], [25, 191, 61, 151, 171, 244, 53, 142, 146, 122, 39, 49] as [UInt8]),
        AnyTensor(shape: [], [0.5] as [Float]), AnyTensor(shape: [], [5] as [UInt8]),
        AnyTensor(shape: [4, 2], [-76, 5, -78, 99, 55, -32, -95, 84] as [Int8]),
        AnyTensor(shape: [2], [0.125, 0.25] as [Float]), AnyTensor(shape: [2], [3, 7] as [Int8]),
        AnyTensor(shape: [], [32.0] as [Float]), AnyTensor(shape: [], [9] as [UInt8]),
      ],
      [
        AnyTensor(shape: [3, 2], [0, 111, 0, 127, 0, 58] as [UInt8])
      ]),
    RuntimeCase(
      "QGemm u8s8", QGemm(transB: true),
      [
        AnyTensor(
          shape: [3, 4], [204, 168, 196, 232, 69, 250, 116, 105, 94, 94, 88, 36] as [UInt8]),
        AnyTensor(shape: [], [0.5] as [Float]), AnyTensor(shape: [], [5] as [UInt8]),
        AnyTensor(shape: [2, 4], [54, 12, 113, -73, -21, -33, 111, -121] as [Int8]),
        AnyTensor(shape: [2], [0.125, 0.25] as [Float]), AnyTensor(shape: [2], [3, 0] as [Int8]),
        AnyTensor(shape: [2], [100, -77] as [Int32]), AnyTensor(shape: [], [32.0] as [Float]),
        AnyTensor(shape: [], [9] as [UInt8]),
      ],
      [
        AnyTensor(shape: [3, 2], [39, 0, 29, 0, 33, 11] as [UInt8])
      ]),
    RuntimeCase(
      "MatMulInteger u8s8", MatMulInteger(),
      [
        AnyTensor(shape: [2, 3], [29, 5, 19, 31, 56, 133] as [UInt8]),
        AnyTensor(
          shape: [3, 2],
          [19, -47, -44, -112, 70, -99] as [Int8]), AnyTensor(shape: [], [5] as [UInt8]),
        AnyTensor(shape: [], [3] as [Int8]),
      ],
      [
        AnyTensor(shape: [2, 2], [1322, -2628, 6595, -20221] as [Int32])
      ]),
    RuntimeCase(
      "QLinearMatMul s8s8, columns", QLinearMatMul(),
      [
        AnyTensor(
          shape: [3, 4], [-52, 112, -31, 21, -14, -109, -43, -104, -40, 115, -36, -17] as [Int8]),
        AnyTensor(shape: [], [0.5] as [Float]), AnyTensor(shape: [], [5] as [Int8]),
        AnyTensor(shape: [4, 2], [-121, 43, 109, 52, -111, -22, -117, -103] as [Int8]),
        AnyTensor(shape: [2], [0.125, 0.25] as [Float]), AnyTensor(shape: [2], [3, 7] as [Int8]),
        AnyTensor(shape: [], [32.0] as [Float]), AnyTensor(shape: [], [9] as [Int8]),
      ],
      [
        AnyTensor(shape: [3, 2], [49, 17, 26, 39, 57, 36] as [Int8])
      ]),
    RuntimeCase(
      "QGemm s8s8", QGemm(transB: true),
      [
        AnyTensor(
          shape: [3, 4], [120, 101, -92, 52, -43, -7, 64, 115, -120, -12, -114, 62] as [Int8]),
        AnyTensor(shape: [], [0.5] as [Float]), AnyTensor(shape: [], [5] as [Int8]),
        AnyTensor(shape: [2, 4], [21, -115, 38, -76, 88, -41, -115, -6] as [Int8]),
        AnyTensor(shape: [2], [0.125, 0.25] as [Float]), AnyTensor(shape: [2], [3, 0] as [Int8]),
        AnyTensor(shape: [2], [100, -77] as [Int32]), AnyTensor(shape: [], [32.0] as [Float]),
        AnyTensor(shape: [], [9] as [Int8]),
      ],
      [
        AnyTensor(shape: [3, 2], [-23, 75, -3, -35, -8, 21] as [Int8])
      ]),
    RuntimeCase(
      "MatMulInteger s8s8", MatMulInteger(),
      [
        AnyTensor(shape: [2, 3], [28, -24, -20, -50, 20, -12] as [Int8]),
        AnyTensor(
          shape: [
            3,
            2,
          ], [13, -53, -107, 127, -34, -36] as [Int8]), AnyTensor(shape: [], [5] as [Int8]),
        AnyTensor(shape: [], [3] as [Int8]),
      ],
      [
        AnyTensor(shape: [2, 2], [4345, -3909, -1571, 5603] as [Int32])
      ]),
    RuntimeCase(
      "QLinearMatMul u8u8, columns", QLinearMatMul(),
      [
        AnyTensor(
          shape: [3, 4], [48, 117, 236, 218, 177, 146, 191, 74, 164, 202, 147, 209] as [UInt8]),
        AnyTensor(shape: [], [0.5] as [Float]), AnyTensor(shape: [], [5] as [UInt8]),
        AnyTensor(shape: [4, 2], [102, 173, 252, 140, 241, 179, 201, 9] as [UInt8]),
        AnyTensor(shape: [2], [0.125, 0.25] as [Float]), AnyTensor(shape: [2], [3, 7] as [UInt8]),
        AnyTensor(shape: [], [32.0] as [Float]), AnyTensor(shape: [], [9] as [UInt8]),
      ],
      [
        AnyTensor(shape: [3, 2], [255, 252, 224, 255, 255, 255] as [UInt8])
      ]),
    RuntimeCase(
      "QGemm u8u8", QGemm(transB: true),
      [
        AnyTensor(
          shape: [3, 4], [149, 234, 111, 1, 47, 42, 5, 28, 128, 118, 115, 155] as [UInt8]),
        AnyTensor(shape: [], [0.5] as [Float]), AnyTensor(shape: [], [5] as [UInt8]),
        AnyTensor(shape: [2, 4], [210, 206, 91, 78, 143, 125, 192, 105] as [UInt8]),
        AnyTensor(shape: [2], [0.125, 0.25] as [Float]), AnyTensor(shape: [2], [3, 0] as [UInt8]),
        AnyTensor(shape: [2], [100, -77] as [Int32]), AnyTensor(shape: [], [32.0] as [Float]),
        AnyTensor(shape: [], [9] as [UInt8]),
      ],
      [
        AnyTensor(shape: [3, 2], [176, 255, 44, 60, 145, 255] as [UInt8])
      ]),
    RuntimeCase(
      "MatMulInteger u8u8", MatMulInteger(),
      [
        AnyTensor(shape: [2, 3], [35, 194, 101, 75, 177, 28] as [UInt8]),
        AnyTensor(
          shape: [
            3,
            2,
          ], [196, 228, 174, 70, 229, 136] as [UInt8]), AnyTensor(shape: [], [5] as [UInt8]),
        AnyTensor(shape: [], [3] as [UInt8]),
      ],
      [
        AnyTensor(shape: [2, 2], [59805, 32181, 48120, 30333] as [Int32])
      ]),
    RuntimeCase(
      "QLinearMatMul in a batch", QLinearMatMul(),
      [
        AnyTensor(
          shape: [2, 2, 3], [177, 51, 50, 135, 29, 168, 111, 105, 72, 65, 22, 156] as [UInt8]),
        AnyTensor(shape: [], [0.5] as [Float]), AnyTensor(shape: [], [5] as [UInt8]),
        AnyTensor(shape: [3, 2], [96, 169, 3, 77, 27, 67] as [UInt8]),
        AnyTensor(
          shape: [],
          [0.125] as [Float]), AnyTensor(shape: [], [3] as [UInt8]),
        AnyTensor(shape: [], [32.0] as [Float]), AnyTensor(shape: [], [9] as [UInt8]),
      ],
      [
        AnyTensor(shape: [2, 2, 2], [42, 77, 40, 75, 31, 66, 27, 50] as [UInt8])
      ]),
    RuntimeCase(
      "QGemm with alpha", QGemm(alpha: 0.3),
      [
        AnyTensor(
          shape: [3, 4], [238, 217, 249, 70, 107, 250, 190, 11, 233, 127, 164, 165] as [UInt8]),
        AnyTensor(shape: [], [0.5] as [Float]), AnyTensor(shape: [], [5] as [UInt8]),
        AnyTensor(shape: [4, 2], [-40, -114, 46, -118, -38, -96, -85, -61] as [Int8]),
        AnyTensor(shape: [], [0.125] as [Float]), AnyTensor(shape: [], [0] as [Int8]), nil,
        AnyTensor(shape: [], [7.0] as [Float]), AnyTensor(shape: [], [9] as [UInt8]),
      ],
      [
        AnyTensor(shape: [3, 2], [0, 0, 8, 0, 0, 0] as [UInt8])
      ]),
    RuntimeCase(
      "QGemm to float", QGemm(transA: true),
      [
        AnyTensor(
          shape: [4, 3], [148, 52, 11, 33, 64, 188, 197, 59, 238, 53, 171, 245] as [UInt8]),
        AnyTensor(shape: [], [0.5] as [Float]), AnyTensor(shape: [], [5] as [UInt8]),
        AnyTensor(shape: [4, 2], [120, 127, 60, -36, -88, -57, 33, -40] as [Int8]),
        AnyTensor(shape: [], [0.10000000149011612] as [Float]), AnyTensor(shape: [], [0] as [Int8]),
        AnyTensor(shape: [3, 1], [5, 6, 7] as [Int32]),
      ],
      [
        AnyTensor(
          shape: [3, 2],
          [
            176.65000915527344, 214.6999969482422, 495.6000061035156,
            -293.3500061035156, -43.85000228881836, -1435.0,
          ] as [Float])
      ]),
  ]
}
