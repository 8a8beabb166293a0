"""From a finished run to a model that ships: ONNX files, int8, known answers, card."""
