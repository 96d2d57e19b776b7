"""Load a pruned file into a PyTorch module of the original size. One file, meant to be copied.

    from load_pruned import load_pruned
    network = load_pruned(ResNet20(), "small.safetensors")

Layers whose tensors are smaller in the file become smaller in the module, in place; every tensor is checked by name and shape. What a
module's own `forward` says about widths (`x.view(-1, 512)`, the heads of attention written by hand, `x.chunk(2, 1)`) is out of reach:
write such lines without numbers (`x.flatten(1)`, `q.unflatten(-1, (-1, head_width))`), or leave those channels whole (`--exclude`).
"""
import torch
from torch import nn

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)


class FewerHeads(nn.MultiheadAttention):
    """Attention of which some heads have gone: narrower inside than outside, which `nn.MultiheadAttention` cannot be."""

    def forward(
        self, query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None, average_attn_weights=True, is_causal=False
    ):
        def mask(scores, given):  # as MultiheadAttention has it: True is left out, numbers are added
            return torch.zeros_like(scores).masked_fill(given, float("-inf")) if given.dtype == torch.bool else given

        batched = query.dim() == 3
        turn = batched and not self.batch_first
        sources = [x.transpose(0, 1) if turn else x for x in (query, key, value)]
        biases = (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
        parts = [nn.functional.linear(x, w, b) for x, w, b in zip(sources, self.in_proj_weight.chunk(3), biases)]
        queries, keys, values = (part.unflatten(-1, (self.num_heads, -1)).transpose(-3, -2) for part in parts)
        scores = queries @ keys.transpose(-2, -1) / self.head_dim**0.5
        if attn_mask is not None:
            if attn_mask.dim() != 2:
                raise ValueError(f"expected a mask for all heads alike, found shape {tuple(attn_mask.shape)}")
            scores = scores + mask(scores, attn_mask)
        if key_padding_mask is not None:
            given = key_padding_mask[:, None, None, :] if batched else key_padding_mask
            scores = scores + mask(scores, given)
        weights = scores.softmax(-1)
        dropped = nn.functional.dropout(weights, self.dropout, self.training)
        result = self.out_proj((dropped @ values).transpose(-3, -2).flatten(-2))
        shown = (weights.mean(-3) if average_attn_weights else weights) if need_weights else None
        return result.transpose(0, 1) if turn else result, shown


class Graph:
    """The tensors of an ONNX file by the names that a module has for them.

    Exporters rename tensors (`onnx::MatMul_12` for a weight that is stored transposed) and store equal ones once; what each layer reads is
    found by the scope that they give its nodes. Tensors that nodes of no layer read are found by their names.
    """

    def __init__(self, model):
        from onnx import numpy_helper

        self.nodes = model.graph.node
        self.producers = {output: node for node in self.nodes for output in node.output}
        self.stored = {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()) for tensor in model.graph.initializer}

    def value(self, name):
        """A stored tensor, also behind nodes that only arrange it; None for what is computed."""
        if name in self.stored:
            return self.stored[name]
        node = self.producers.get(name)
        if node is None or node.op_type not in ("Identity", "Transpose", "Unsqueeze", "Squeeze", "Reshape"):
            return None
        value = self.value(node.input[0])
        if value is None or node.op_type == "Identity":
            return value
        if node.op_type == "Transpose":
            order = next((list(a.ints) for a in node.attribute if a.name == "perm"), None)
            return value.permute(order if order else tuple(reversed(range(value.dim()))))
        return value.squeeze()  # only vectors are arranged so: a slope for every channel

    @staticmethod
    def scope(node):
        """The path of the module that a node belongs to, as either exporter notes it."""
        for entry in node.metadata_props:
            if entry.key == "pkg.torch.onnx.name_scopes":
                import ast

                scopes = ast.literal_eval(entry.value)
                return scopes[-2] if len(scopes) > 1 else ""
        path = []
        for part in node.name.split("/")[1:-1]:
            if path and part.startswith(path[-1] + "."):  # a child of a sequence repeats the name of the sequence
                path.pop()
            path.append(part)
        return ".".join(path)

    def layer(self, node, layer):
        """What a node says of the layer it belongs to: leaf name to tensor."""
        inputs = [self.value(name) for name in node.input]
        if isinstance(layer, nn.Linear):
            if node.op_type == "MatMul":
                return {"weight": None if inputs[1] is None or inputs[1].dim() != 2 else inputs[1].t()}
            if node.op_type == "Add":
                return {"bias": next((value for value in inputs if value is not None and value.dim() == 1), None)}
            if node.op_type == "Gemm":
                transposed = any(a.name == "transB" and a.i for a in node.attribute)
                weight = inputs[1] if inputs[1] is None or transposed else inputs[1].t()
                return {"weight": weight, "bias": inputs[2] if len(inputs) > 2 else None}
            return {}
        if isinstance(layer, nn.PReLU) and node.op_type == "PRelu":
            return {"weight": None if inputs[1] is None else inputs[1].reshape(-1)}
        if isinstance(layer, nn.GroupNorm):
            # As one operation, or as a product and a sum behind the normalization of groups.
            if node.op_type == "GroupNormalization":
                return dict(zip(("weight", "bias"), inputs[1:]))
            leaf = {"Mul": "weight", "Add": "bias"}.get(node.op_type)
            return {leaf: value.reshape(-1) for value in inputs if leaf and value is not None}
        if isinstance(layer, nn.Embedding) and node.op_type == "Gather":
            return {"weight": inputs[0]}
        if isinstance(layer, (*CONVOLUTIONS, *TRANSPOSED)) and node.op_type in ("Conv", "ConvTranspose"):
            return dict(zip(("weight", "bias"), inputs[1:]))
        if isinstance(layer, (*BATCH_NORMS, nn.LayerNorm)) and node.op_type in (
            "BatchNormalization", "LayerNormalization", "InstanceNormalization"
        ):
            return dict(zip(("weight", "bias", "running_mean", "running_var"), inputs[1:]))
        return {}

    def tensors(self, module):
        own = module.state_dict(keep_vars=True)
        found = {name: self.value(name) for name in own}
        layers = dict(module.named_modules())
        # A layer exported without a bias may have been given one, under a name of the graph.
        for node in self.nodes:
            if node.op_type in ("Conv", "ConvTranspose", "Gemm") and len(node.input) == 3 and node.input[1].endswith(".weight"):
                path = node.input[1][: -len(".weight")]
                if path in layers:
                    found[path + ".bias"] = self.value(node.input[2])
        attentions = {}
        for node in self.nodes:
            path = self.scope(node)
            layer = layers.get(path)
            if isinstance(layer, nn.MultiheadAttention):
                # One module, two products: the packed queries, keys and values, then what puts the heads together.
                for leaf, value in self.layer(node, layer.out_proj).items():
                    if value is not None:
                        attentions.setdefault((path, leaf), []).append(value)
            elif layer is not None:
                for leaf, value in self.layer(node, layer).items():
                    if value is not None and (path + "." + leaf in own or leaf == "bias"):
                        found[path + "." + leaf] = value
        for (path, leaf), values in attentions.items():
            names = [f"{path}.in_proj_{leaf}", f"{path}.out_proj.{leaf}"]
            if len(values) == 1 and values[0].shape[0] == layers[path].embed_dim:
                names.pop(0)  # queries, keys and values of different sources: those are found by name
            found.update({name: value for name, value in zip(names, values) if name in own})
        return {name: value for name, value in found.items() if value is not None}


def read_tensors(file, module):
    """The tensors of a .safetensors, .npz, .onnx or PyTorch file by name; a mapping is taken as it is."""
    if not isinstance(file, str) and hasattr(file, "items"):
        return dict(file)
    file = str(file)
    if file.endswith(".safetensors"):
        from safetensors.torch import load_file

        return load_file(file)
    if file.endswith(".npz"):
        import numpy

        with numpy.load(file) as archive:
            return {name: torch.from_numpy(archive[name]) for name in archive.files}
    if file.endswith(".onnx"):
        import onnx

        return Graph(onnx.load(file)).tensors(module)
    return torch.load(file, map_location="cpu", weights_only=True)


def resize(module, name, shapes):
    """Sets the sizes of one module to those of its tensors in the file. `shapes`: leaf name to shape, for leaves that change."""

    def extents(leaf, rank):
        shape = shapes.get(leaf, tuple(getattr(module, leaf).shape) if getattr(module, leaf, None) is not None else None)
        if shape is not None and len(shape) != rank:
            raise ValueError(f"{name}.{leaf}: expected {rank} axes, found shape {tuple(shape)}")
        return shape

    if isinstance(module, nn.Linear):
        module.out_features, module.in_features = extents("weight", 2)
    elif isinstance(module, CONVOLUTIONS):
        shape = extents("weight", module.weight.dim())
        if tuple(shape[2:]) != tuple(module.kernel_size):
            raise ValueError(f"{name}.weight: expected a kernel of {tuple(module.kernel_size)}, found {tuple(shape[2:])}")
        if module.groups > 1 and module.groups == module.in_channels:
            # Depthwise: as many groups as channels, as many filters for each as before.
            module.groups = shape[0] // (module.out_channels // module.in_channels)
        module.out_channels, module.in_channels = shape[0], shape[1] * module.groups
        if module.out_channels % module.groups:
            raise ValueError(f"{name}.weight: expected filters in {module.groups} groups, found {shape[0]}")
    elif isinstance(module, TRANSPOSED):
        shape = extents("weight", module.weight.dim())
        module.in_channels, module.out_channels = shape[0], shape[1] * module.groups
    elif isinstance(module, BATCH_NORMS):
        leaf = "weight" if module.weight is not None else "running_mean"
        (module.num_features,) = extents(leaf, 1)
    elif isinstance(module, nn.MultiheadAttention):
        shape = extents("in_proj_weight", 2)
        if module.bias_k is not None or module.add_zero_attn:
            raise ValueError(f"{name}: no rule to take heads from attention with keys of its own")
        if shape[0] % (3 * module.head_dim) or shape[1] != module.embed_dim:
            raise ValueError(f"{name}.in_proj_weight: expected whole heads of {module.head_dim}, found {tuple(shape)}")
        module.num_heads = shape[0] // (3 * module.head_dim)
        module._qkv_same_embed_dim = False  # torch's fast paths take the width inside for that outside
        module.__class__ = FewerHeads
    elif isinstance(module, nn.GroupNorm):
        # What shares its statistics goes together: whole groups, or channels of the only one.
        together = module.num_channels // module.num_groups
        (module.num_channels,) = extents("weight", 1)
        if module.num_groups > 1:
            if module.num_channels % together:
                raise ValueError(f"{name}: expected whole groups of {together} channels, found {module.num_channels}")
            module.num_groups = module.num_channels // together
    elif isinstance(module, nn.LayerNorm):
        module.normalized_shape = tuple(extents("weight", len(module.normalized_shape)))
    elif isinstance(module, nn.Embedding):
        module.num_embeddings, module.embedding_dim = extents("weight", 2)
    elif isinstance(module, nn.PReLU):
        (module.num_parameters,) = extents("weight", 1)
    else:
        leaf, shape = next(iter(shapes.items()))
        raise ValueError(f"{name or type(module).__name__}: no rule to make a {type(module).__name__} smaller ({leaf} is {tuple(shape)} in the file)")


def has_no_bias(layer):
    return isinstance(layer, (nn.Linear, *CONVOLUTIONS, *TRANSPOSED)) and layer.bias is None


def load_pruned(module, file, strict=True):
    """Makes `module` as small as the tensors of `file`, loads them, and returns it.

    strict: tensors of the file that the module has no place for are an error. Tensors of the module that the file lacks always are,
    but for counters of batch normalization. A layer without a bias gets the one that the file has for it. Nothing is changed before everything fits.
    """
    tensors = read_tensors(file, module)
    own = module.state_dict(keep_vars=True)
    missing = [name for name in own if name not in tensors and not name.endswith("num_batches_tracked")]
    if missing:
        raise KeyError(f"expected tensors for all of the module, found none for {', '.join(missing[:5])}")
    layers = dict(module.named_modules())
    given = [name for name in tensors if name not in own and name.endswith(".bias") and has_no_bias(layers.get(name[: -len(".bias")]))]
    unexpected = [name for name in tensors if name not in own and name not in given and not name.endswith("num_batches_tracked")]
    if strict and unexpected:
        raise KeyError(f"expected tensors of the module only, found {', '.join(unexpected[:5])}")
    for name, tensor in own.items():
        if name in tensors and tensor.dim() != tensors[name].dim():
            raise ValueError(f"{name}: expected {tensor.dim()} axes, found shape {tuple(tensors[name].shape)}")
        if name in tensors and any(new > old for new, old in zip(tensors[name].shape, tensor.shape)):
            raise ValueError(f"{name}: expected at most {tuple(tensor.shape)}, found {tuple(tensors[name].shape)}")

    # First the sizes of all modules, on copies of what can be refused.
    smaller = []
    for path, child in module.named_modules():
        prefix = path + "." if path else ""
        leaves = {**child._parameters, **child._buffers}
        shapes = {
            leaf: tuple(tensors[prefix + leaf].shape)
            for leaf, tensor in leaves.items()
            if tensor is not None and prefix + leaf in tensors and tensors[prefix + leaf].shape != tensor.shape
        }
        if shapes:
            smaller.append((child, dict(child.__dict__), child.__class__))
            try:
                resize(child, path, shapes)
            except ValueError:
                for earlier, values, kind in smaller:
                    earlier.__dict__.update(values)
                    earlier.__class__ = kind
                raise
    for name in given:
        layer = layers[name[: -len(".bias")]]
        layer.bias = nn.Parameter(tensors[name].to(device=layer.weight.device, dtype=layer.weight.dtype).clone())
    # Then the tensors, in the type and place that the module has them.
    for path, child in module.named_modules():
        prefix = path + "." if path else ""
        for leaf, tensor in list(child._parameters.items()):
            if tensor is not None and prefix + leaf in tensors:
                value = tensors[prefix + leaf].detach().to(device=tensor.device, dtype=tensor.dtype).clone()
                if value.shape == tensor.shape:
                    tensor.data.copy_(value)  # keeps what shares the tensor together
                else:
                    child._parameters[leaf] = nn.Parameter(value, requires_grad=tensor.requires_grad)
        for leaf, tensor in list(child._buffers.items()):
            if tensor is not None and prefix + leaf in tensors:
                child._buffers[leaf] = tensors[prefix + leaf].to(device=tensor.device, dtype=tensor.dtype).clone()
    return module
