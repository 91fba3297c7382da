"""The bundled model in another precision: llama.cpp runs 4-bit weights, and kvprep those same numbers in bfloat16."""

from pathlib import Path
from typing import Any


def write_bfloat16(bundled: Path, target: Path) -> None:
    """Write a GGUF file with the numbers of another one in bfloat16; vectors stay float32, as llama.cpp wants them."""
    from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter, LlamaFileType
    from gguf.quants import dequantize, quantize

    reader = GGUFReader(bundled)
    writer = GGUFWriter(target, str(reader.fields["general.architecture"].contents()))
    _copy_facts(reader, writer)
    writer.add_file_type(LlamaFileType.MOSTLY_BF16)
    for tensor in reader.tensors:
        numbers = dequantize(tensor.data, tensor.tensor_type)
        if numbers.ndim == 1:
            writer.add_tensor(tensor.name, numbers)
        else:
            brief = quantize(numbers, GGMLQuantizationType.BF16)
            writer.add_tensor(tensor.name, brief, raw_dtype=GGMLQuantizationType.BF16)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _copy_facts(reader: Any, writer: Any) -> None:
    """Copy shape, tokenizer and template; what the writer writes itself, and how weights are stored, is left out."""
    from gguf import GGUFValueType

    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in ("general.architecture", "general.file_type"):
            continue
        inner = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
        writer.add_key_value(name, field.contents(), field.types[0], sub_type=inner)
