"""What lies in the folder of a network of the comparison; standard library alone."""

ONNX, WEIGHTS, SPEC = "model.onnx", "weights.pt", "spec.json"
IMAGES, LOGITS = "images.npy", "logits.npy"  # uint8 images_NCHW, and PyTorch's float32 logits_NK
