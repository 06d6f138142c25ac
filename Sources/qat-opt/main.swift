print("qat-opt")
