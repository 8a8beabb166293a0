"""Networks: architectures, pretrained weights, ONNX export, quantisation, model cards and the shipped zoo."""
