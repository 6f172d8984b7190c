"""A quantizer's graph made fit to ship: float logits, nothing unused, the source's own metadata."""

import onnx
import onnx_ir as ir
import onnx_ir.passes.common as passes

from export.graph import LOGITS


def tidied(quantized: onnx.ModelProto, source: onnx.ModelProto) -> onnx.ModelProto:
    """Return the quantized graph without what nobody needs.

    The metadata of nodes goes: it is a third of a small network's file, and the float32 graph has
    it. That of the model is the source's.
    """
    keep_logits_unrounded(quantized.graph)
    del quantized.graph.value_info[:]
    model = ir.serde.deserialize_model(quantized)
    for tidy in (
        passes.RemoveUnusedNodesPass(),
        passes.RemoveUnusedOpsetsPass(),
        passes.TopologicalSortPass(),
        passes.ClearMetadataAndDocStringPass(),
    ):
        tidy(model)
    result = ir.serde.serialize_model(model)
    result.producer_name, result.producer_version = source.producer_name, source.producer_version
    del result.metadata_props[:]
    result.metadata_props.extend(source.metadata_props)
    return result


def keep_logits_unrounded(graph: onnx.GraphProto) -> None:
    """Take away the rounding of the logits to 256 values, which makes ties of close answers.

    The last layer's sums are integers all the same; they come out as floats instead.
    """
    producers = {name: node for node in graph.node for name in node.output}
    dequantizing = producers[LOGITS]
    if dequantizing.op_type != "DequantizeLinear":
        return
    quantizing = producers.get(dequantizing.input[0])
    if quantizing is None or quantizing.op_type != "QuantizeLinear":
        return
    rounded = quantizing.input[0]
    for node in graph.node:
        for index, name in enumerate(node.output):
            if name == rounded:
                node.output[index] = LOGITS
        for index, name in enumerate(node.input):
            if name == rounded:
                node.input[index] = LOGITS
    graph.node.remove(dequantizing)
    graph.node.remove(quantizing)
