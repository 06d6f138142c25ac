import QATCore
import QATIR

/// Convolutions of codes, with many ties, and what ONNX Runtime 1.31.1 (CPU, x86-64 with VNNI)
/// computes for them.
extension RuntimeCase {
  static let convolutions: [RuntimeCase] = [
    RuntimeCase(
      "u8s8 padded", QLinearConv(WindowAttributes(pads: [1, 1, 1, 1])),
      [
        AnyTensor(
          shape: [1, 2, 4, 4],
          [
            230, 79, 215, 184, 229, 78, 118, 174, 146, 234, 92, 121,
            212, 14, 163, 107, 196, 2, 141, 4, 144, 100, 60, 149, 97, 96, 29, 57, 111, 134, 163,
            113,
          ]
            as [UInt8]), AnyTensor(shape: [], [0.5] as [Float]),
        AnyTensor(shape: [], [17] as [UInt8]),
        AnyTensor(
          shape: [2, 2, 3, 3],
          [
            74, 94, 43, -21, 8, 118, -57, 39, 12, -28, 58,
            17, 91, -36, -38, -104, 52, -5, 55, -49, -12, -49, 76, -28, 107, -76, 97, -77, 70, 58,
            7,
            68, -115, -69, -41, -90,
          ] as [Int8]), AnyTensor(shape: [2], [0.0625, 0.03125] as [Float]),
        AnyTensor(shape: [2], [0, 0] as [Int8]), AnyTensor(shape: [], [16.0] as [Float]),
        AnyTensor(shape: [], [101] as [UInt8]), AnyTensor(shape: [2], [787, 1754] as [Int32]),
      ],
      [
        AnyTensor(
          shape: [1, 2, 4, 4],
          [
            138, 130, 122, 125, 191, 179, 182, 151, 227, 153, 178,
            127, 143, 196, 181, 151, 108, 90, 114, 96, 117, 89, 110, 109, 77, 131, 68, 108, 112, 77,
            115, 111,
          ] as [UInt8])
      ]),
    RuntimeCase(
      "s8s8 strided", QLinearConv(WindowAttributes(strides: [2, 2])),
      [
        AnyTensor(
          shape: [1, 2, 5, 5],
          [
            5, 54, 119, -30, 53, -20, 65, -119, 64, -85, -55, 11,
            -79, -91, 102, 93, -125, -2, -51, -38, 53, -35, 122, -78, 127, 105, 69, 95, 90, 99, -68,
            55, -37, 109, -46, -16, -101, -64, -117, -48, -122, -9, -42, -7, 11, -122, -8, -95, 93,
            -72,
          ] as [Int8]), AnyTensor(shape: [], [0.5] as [Float]),
        AnyTensor(shape: [], [-5] as [Int8]),
        AnyTensor(
          shape: [2, 2, 3, 3],
          [
            116, -41, -41, -35, 13, -75, 25, -106, 112, -94,
            -57, -57, 92, 22, 61, -68, 49, 126, 75, -42, -122, -93, -102, -125, -121, -33, -59, -19,
            16, 101, 117, -56, -87, -11, -76, 126,
          ] as [Int8]),
        AnyTensor(
          shape: [2],
          [
            0.015625,
            0.03125,
          ] as [Float]), AnyTensor(shape: [2], [0, 0] as [Int8]),
        AnyTensor(
          shape: [],
          [16.0] as [Float]), AnyTensor(shape: [], [-7] as [Int8]),
        AnyTensor(
          shape: [2],
          [
            1229,
            -2457,
          ] as [Int32]),
      ],
      [
        AnyTensor(shape: [1, 2, 2, 2], [-29, 0, -5, 9, -7, 20, -42, -61] as [Int8])
      ]),
    RuntimeCase(
      "u8u8 grouped", QLinearConv(WindowAttributes(), group: 2),
      [
        AnyTensor(
          shape: [1, 4, 3, 3],
          [
            180, 157, 91, 82, 154, 26, 201, 49, 96, 77, 35, 230, 59,
            210, 168, 101, 43, 81, 12, 9, 85, 157, 80, 25, 225, 227, 96, 13, 174, 230, 82, 79, 206,
            0, 97, 238,
          ] as [UInt8]), AnyTensor(shape: [], [0.5] as [Float]),
        AnyTensor(
          shape: [],
          [17] as [UInt8]),
        AnyTensor(
          shape: [4, 2, 2, 2],
          [
            221, 15, 25, 45, 23, 12, 124, 66, 112,
            87, 55, 61, 42, 149, 249, 95, 21, 115, 204, 4, 44, 191, 111, 7, 23, 3, 136, 133, 131,
            193, 161, 158,
          ] as [UInt8]), AnyTensor(shape: [4], [0.0625, 0.015625, 0.0625, 0.03125] as [Float]),
        AnyTensor(shape: [4], [84, 109, 90, 36] as [UInt8]),
        AnyTensor(
          shape: [],
          [16.0] as [Float]), AnyTensor(shape: [], [101] as [UInt8]),
        AnyTensor(
          shape: [4],
          [
            147,
            2138, -2886, 985,
          ] as [Int32]),
      ],
      [
        AnyTensor(
          shape: [1, 4, 2, 2],
          [
            95, 90, 50, 83, 96, 113, 103, 97, 140, 112, 83, 120, 161,
            184, 161, 200,
          ] as [UInt8])
      ]),
    RuntimeCase(
      "u8s8 depthwise", QLinearConv(WindowAttributes(pads: [1, 1, 0, 0]), group: 3),
      [
        AnyTensor(
          shape: [1, 3, 4, 4],
          [
            161, 94, 230, 220, 25, 34, 16, 13, 64, 1, 247, 139, 168,
            206, 28, 59, 72, 123, 3, 162, 56, 161, 72, 90, 230, 29, 105, 201, 145, 61, 150, 39, 37,
            117, 18, 233, 45, 215, 73, 87, 126, 130, 148, 250, 124, 119, 228, 197,
          ] as [UInt8]),
        AnyTensor(shape: [], [0.5] as [Float]), AnyTensor(shape: [], [17] as [UInt8]),
        AnyTensor(
          shape: [3, 1, 3, 3],
          [
            6, 31, 43, 38, 4, 5, 60, 3, -25, -15, -101, -81, -41,
            -44, -51, -48, 115, 30, -2, -14, -28, 116, -9, -84, 6, 29, 82,
          ] as [Int8]),
        AnyTensor(shape: [3], [0.03125, 0.03125, 0.015625] as [Float]),
        AnyTensor(
          shape: [3],
          [
            0,
            0, 0,
          ] as [Int8]), AnyTensor(shape: [], [16.0] as [Float]),
        AnyTensor(shape: [], [101] as [UInt8]),
        AnyTensor(shape: [3], [904, -2202, -1444] as [Int32]),
      ],
      [
        AnyTensor(
          shape: [1, 3, 3, 3],
          [
            102, 109, 108, 110, 111, 115, 99, 114, 113, 100, 109, 90,
            100, 72, 90, 90, 69, 86, 104, 106, 101, 97, 105, 117, 98, 109, 106,
          ] as [UInt8])
      ]),
    RuntimeCase(
      "u8s8 dilated", QLinearConv(WindowAttributes(dilations: [2, 3])),
      [
        AnyTensor(
          shape: [1, 1, 6, 6],
          [
            44, 210, 25, 79, 191, 32, 184, 147, 170, 187, 58, 111,
            107, 40, 8, 228, 239, 9, 138, 215, 220, 40, 60, 182, 65, 95, 139, 69, 187, 22, 239, 134,
            241, 49, 113, 132,
          ] as [UInt8]), AnyTensor(shape: [], [0.5] as [Float]),
        AnyTensor(shape: [], [17] as [UInt8]),
        AnyTensor(
          shape: [2, 1, 2, 2],
          [
            -77, -107, 77, 31, 55, -51, 95,
            -115,
          ] as [Int8]), AnyTensor(shape: [], [0.03125] as [Float]),
        AnyTensor(shape: [], [3] as [Int8]), AnyTensor(shape: [], [16.0] as [Float]),
        AnyTensor(shape: [], [101] as [UInt8]),
      ],
      [
        AnyTensor(
          shape: [1, 2, 4, 3],
          [
            105, 75, 98, 79, 102, 98, 76, 86, 112, 106, 92, 87, 83,
            78, 101, 109, 118, 103, 93, 78, 111, 122, 108, 109,
          ] as [UInt8])
      ]),
    RuntimeCase(
      "u8u8 1-D", QLinearConv(WindowAttributes(pads: [1, 1])),
      [
        AnyTensor(
          shape: [2, 2, 6],
          [
            166, 183, 231, 128, 242, 98, 125, 69, 179, 159, 202, 83, 39,
            141, 208, 45, 131, 179, 83, 236, 131, 215, 51, 45,
          ] as [UInt8]),
        AnyTensor(
          shape: [],
          [0.5] as [Float]), AnyTensor(shape: [], [17] as [UInt8]),
        AnyTensor(
          shape: [2, 2, 3],
          [117, 184, 243, 42, 93, 241, 16, 91, 145, 99, 19, 188] as [UInt8]),
        AnyTensor(
          shape: [],
          [0.03125] as [Float]), AnyTensor(shape: [], [3] as [UInt8]),
        AnyTensor(
          shape: [],
          [16.0]
            as [Float]), AnyTensor(shape: [], [101] as [UInt8]),
        AnyTensor(
          shape: [2],
          [2279, 2217]
            as [Int32]),
      ],
      [
        AnyTensor(
          shape: [2, 2, 6],
          [
            190, 246, 235, 255, 211, 155, 150, 189, 172, 197, 163, 131,
            193, 221, 222, 186, 181, 148, 163, 171, 183, 144, 160, 122,
          ] as [UInt8])
      ]),
    RuntimeCase(
      "u8s8 3-D", QLinearConv(),
      [
        AnyTensor(
          shape: [1, 1, 3, 3, 3],
          [
            138, 204, 119, 21, 18, 153, 117, 135, 218, 57, 86,
            144, 33, 17, 57, 163, 152, 213, 11, 31, 111, 1, 177, 150, 238, 61, 154,
          ] as [UInt8]),
        AnyTensor(shape: [], [0.5] as [Float]), AnyTensor(shape: [], [17] as [UInt8]),
        AnyTensor(shape: [1, 1, 2, 2, 2], [57, 75, 125, 25, -35, 81, 24, 15] as [Int8]),
        AnyTensor(shape: [1], [0.03125] as [Float]), AnyTensor(shape: [1], [0] as [Int8]),
        AnyTensor(shape: [], [16.0] as [Float]), AnyTensor(shape: [], [101] as [UInt8]),
        AnyTensor(shape: [1], [770] as [Int32]),
      ],
      [
        AnyTensor(shape: [1, 1, 2, 2, 2], [127, 131, 122, 140, 114, 129, 143, 134] as [UInt8])
      ]),
    RuntimeCase(
      "same padding", QLinearConv(WindowAttributes(strides: [2, 2], autoPad: .sameUpper)),
      [
        AnyTensor(
          shape: [1, 1, 5, 5],
          [
            166, 195, 39, 236, 48, 58, 101, 145, 194, 248, 70, 125,
            184, 184, 254, 163, 225, 47, 79, 155, 146, 13, 24, 254, 156,
          ] as [UInt8]),
        AnyTensor(shape: [], [0.5] as [Float]), AnyTensor(shape: [], [17] as [UInt8]),
        AnyTensor(shape: [1, 1, 2, 2], [-124, -34, 69, -22] as [Int8]),
        AnyTensor(
          shape: [1],
          [0.0625] as [Float]), AnyTensor(shape: [1], [0] as [Int8]),
        AnyTensor(
          shape: [],
          [16.0]
            as [Float]), AnyTensor(shape: [], [101] as [UInt8]),
        AnyTensor(shape: [1], [-1367] as [Int32]),
      ],
      [
        AnyTensor(shape: [1, 1, 3, 3], [52, 88, 122, 89, 48, 60, 67, 81, 65] as [UInt8])
      ]),
    RuntimeCase(
      "ConvInteger", ConvInteger(WindowAttributes(pads: [1, 1, 1, 1])),
      [
        AnyTensor(
          shape: [1, 2, 3, 3],
          [
            239, 2, 219, 217, 166, 243, 14, 110, 217, 179, 172, 129,
            209, 151, 202, 197, 25, 223,
          ] as [UInt8]),
        AnyTensor(
          shape: [2, 2, 2, 2],
          [
            89, 176, 108,
            238, 67, 164, 186, 254, 185, 187, 201, 89, 3, 28, 94, 165,
          ] as [UInt8]), AnyTensor(shape: [], [7] as [UInt8]), AnyTensor(shape: [], [9] as [UInt8]),
      ],
      [
        AnyTensor(
          shape: [1, 2, 4, 4],
          [
            95268, 92692, 107148, 42582, 162984, 181511, 206532,
            81915, 114533, 139709, 205102, 89212, 30619, 31571, 77834, 29328, 45392, 84504, 49057,
            51074, 92876, 134719, 130252, 98467, 71418, 95328, 144635, 99046, 4856, 18768, 59504,
            35664,
          ] as [Int32])
      ]),
  ]
}
