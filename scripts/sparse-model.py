#!/usr/bin/env python3
"""A folder like those that large language models come in, of sparse files: headers, an index and a config.json, all weights zero.

    scripts/sparse-model.py llama-70b                    # 80 layers of 8192, 28672: 138 GB that take a few megabytes of disk
    scripts/sparse-model.py small --layers 4 --hidden 4096 --ffn 11008 --heads 32 --groups 32 --type F32 --draw 1

With --draw SEED the weights are drawn, and the files are as large as they look (numpy is needed then).
"""
import argparse
import json
import os
import struct

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("folder")
parser.add_argument("--layers", type=int, default=80)
parser.add_argument("--hidden", type=int, default=8192)
parser.add_argument("--ffn", type=int, default=28672)
parser.add_argument("--heads", type=int, default=64)
parser.add_argument("--groups", type=int, default=8, help="heads of keys and values")
parser.add_argument("--vocabulary", type=int, default=32000)
parser.add_argument("--type", choices=["BF16", "F32"], default="BF16")
parser.add_argument("--shard", type=float, default=9.5e9, help="bytes of a shard at most")
parser.add_argument("--draw", type=int, help="seed of weights")
o = parser.parse_args()
width = {"BF16": 2, "F32": 4}[o.type]
head = o.hidden // o.heads

tensors = [("model.embed_tokens.weight", [o.vocabulary, o.hidden])]
for i in range(o.layers):
    p = f"model.layers.{i}."
    tensors += [
        (p + "input_layernorm.weight", [o.hidden]),
        (p + "mlp.down_proj.weight", [o.hidden, o.ffn]),
        (p + "mlp.gate_proj.weight", [o.ffn, o.hidden]),
        (p + "mlp.up_proj.weight", [o.ffn, o.hidden]),
        (p + "post_attention_layernorm.weight", [o.hidden]),
        (p + "self_attn.k_proj.weight", [o.groups * head, o.hidden]),
        (p + "self_attn.o_proj.weight", [o.hidden, o.heads * head]),
        (p + "self_attn.q_proj.weight", [o.heads * head, o.hidden]),
        (p + "self_attn.v_proj.weight", [o.groups * head, o.hidden]),
    ]
tensors += [("model.norm.weight", [o.hidden]), ("lm_head.weight", [o.vocabulary, o.hidden])]


def size(shape):
    product = width
    for extent in shape:
        product *= extent
    return product


shards, room = [[]], o.shard
for tensor in tensors:
    if size(tensor[1]) > room and shards[-1]:
        shards.append([])
        room = o.shard
    shards[-1].append(tensor)
    room -= size(tensor[1])

os.makedirs(o.folder)
names = [f"model-{i + 1:05}-of-{len(shards):05}.safetensors" for i in range(len(shards))]
places = {}
for number, (name, shard) in enumerate(zip(names, shards)):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for tensor, shape in shard:
        header[tensor] = {"dtype": o.type, "shape": shape, "data_offsets": [offset, offset + size(shape)]}
        offset += size(shape)
        places[tensor] = name
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(o.folder, name), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        if o.draw is None:
            file.truncate(8 + len(text) + offset)
        else:
            import numpy

            draw = numpy.random.default_rng([o.draw, number])
            for _, shape in shard:
                count = int(numpy.prod(shape))
                for start in range(0, count, 1 << 22):
                    part = draw.standard_normal(min(1 << 22, count - start), dtype=numpy.float32) / numpy.float32(shape[-1] ** 0.5)
                    file.write(part.tobytes() if o.type == "F32" else (part.view(numpy.uint32) >> 16).astype("<u2").tobytes())
with open(os.path.join(o.folder, "model.safetensors.index.json"), "w") as file:
    json.dump({"metadata": {"total_size": sum(size(s) for _, s in tensors)}, "weight_map": dict(sorted(places.items()))}, file, indent=2)
with open(os.path.join(o.folder, "config.json"), "w") as file:
    json.dump(
        {
            "architectures": ["LlamaForCausalLM"], "hidden_size": o.hidden, "intermediate_size": o.ffn, "num_attention_heads": o.heads,
            "num_hidden_layers": o.layers, "num_key_value_heads": o.groups, "vocab_size": o.vocabulary,
        },
        file, indent=2)
print(f"{o.folder}: {sum(size(s) for _, s in tensors) // width:,} parameters in {len(shards)} shards")
