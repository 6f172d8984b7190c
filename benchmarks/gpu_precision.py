"""The check of reduced precisions on a GPU."""

from benchmarks.place import CheckError, Place, Result


def reduced_precision(place: Place) -> Result:
    """float16 and, where the provider has it, bfloat16 and INT8 beside float32, TF32 off.

    On a GPU float16 ResNet-50 at batch 256 must be at least twice as fast as float32.
    """
    is_gpu = place.provider != "cpu"
    model, batch = ("resnet50", 256) if is_gpu else ("lenet5", 32)
    place.train("reduced", "--model", model, "--dataset", place.svhn, "--epochs", "2")
    run = ("--run", str(place.run("reduced").root))
    place.onnxproof("export", *run)
    results: Result = {}
    for precision in ("fp16", "bf16", "int8") if is_gpu else ("fp16", "int8"):
        signed = ("--activations", "int8") if is_gpu and precision == "int8" else ()
        variant = (*run, "--precision", precision, "--provider", place.provider)
        try:
            exported = place.onnxproof("export", *variant, *signed)
            evaluation = place.onnxproof("evaluate", *variant, "--batch-sizes", f"1,32,{batch}")
        except CheckError as error:
            if precision == "fp16":
                raise
            results[precision] = {"refused": str(error)}  # the provider need not have it
            continue
        parts = ("verdict", "provider", "latency", "accuracy_loss")
        results[precision] = {part: evaluation[part] for part in parts} | {
            "half_precision": exported["half_precision"],
            "quantization": exported["quantization"],
            "tolerance": evaluation["parity"]["tolerance"],
            "max_abs": evaluation["parity"]["max_abs"],
            "flips": evaluation["parity"]["flips"],
        }
    speed = max(
        timing["float32_speedup"] or 0.0
        for timing in results["fp16"]["latency"]
        if timing["batch_size"] == batch
    )
    if is_gpu and speed < 2.0:
        raise CheckError(f"float16 at batch {batch}: wanted 2 times float32, found {speed:.2f}")
    return results
