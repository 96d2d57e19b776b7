"""Load a pruned file into a PyTorch module of the original size. One file, meant to be copied.

    from load_pruned import load_pruned
    network = load_pruned(ResNet20(), "small.safetensors")

Layers whose tensors are smaller in the file become smaller in the module, in place; every tensor is checked by name and shape. What a
module's own `forward` says about widths (`x.view(-1, 512)`) is out of reach: write such lines without numbers (`x.flatten(1)`).
"""
import torch
from torch import nn

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)


def read_tensors(file):
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
        from onnx import numpy_helper

        graph = onnx.load(file).graph
        tensors = {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()) for tensor in graph.initializer}
        # A layer exported without a bias may have been given one, under a name of the graph.
        for node in graph.node:
            if node.op_type in ("Conv", "ConvTranspose", "Gemm") and len(node.input) == 3 and node.input[1].endswith(".weight"):
                if node.input[2] in tensors:
                    tensors.setdefault(node.input[1][: -len("weight")] + "bias", tensors.pop(node.input[2]))
        return tensors
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
    elif isinstance(module, nn.GroupNorm):
        (module.num_channels,) = extents("weight", 1)
        if module.num_channels % module.num_groups:
            raise ValueError(f"{name}: expected channels in {module.num_groups} groups, found {module.num_channels}")
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
    tensors = read_tensors(file)
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
            before = dict(child.__dict__)
            try:
                resize(child, path, shapes)
            except ValueError:
                child.__dict__.update(before)
                for earlier, values in smaller:
                    earlier.__dict__.update(values)
                raise
            smaller.append((child, before))
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
