"""Writes the fixtures of TensorFilesTests with the Python libraries whose bytes they must equal.

Made with numpy 2.4.6, safetensors 0.8.0, torch 2.15.0 and zlib 1.2.13; run in this folder to make them again. Element i of every tensor is
i mod 2 for booleans, i − 2 for signed integers, i for unsigned integers, and (i − 2)/4 for floats.
"""
import io
import zipfile

import numpy as np
import torch
from numpy.lib import format as npy
from safetensors.torch import save_file


def values(dtype, shape):
    count = int(np.prod(shape))
    index = np.arange(count)
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        index = index % 2 == 1
    elif dtype.kind == "i":
        index = index - 2
    elif dtype.kind == "f":
        index = (index - 2) / 4
    return index.astype(dtype).reshape(shape)


# npy: every element type, every version, both orders, both byte orders, and shapes at the edges
for name in ["?", "u1", "i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f2", "<f4", "<f8"]:
    np.save("c_%s.npy" % np.dtype(name).name, values(name, (2, 3)))
np.save("scalar.npy", values("<f8", ()))
np.save("empty.npy", values("<f4", (0, 5)))
np.save("vector.npy", values("<f4", (7,)))
np.save("cube.npy", values("<i2", (2, 3, 4)))
np.save("fortran_2d.npy", np.asfortranarray(values("<f4", (3, 5))))
np.save("fortran_3d.npy", np.asfortranarray(values("<i2", (2, 3, 4))))
np.save("big_f8.npy", values(">f8", (2, 3)))
np.save("big_i2_fortran.npy", np.asfortranarray(values(">i2", (4, 3))))
for version in [(2, 0), (3, 0)]:
    with open("version%d.npy" % version[0], "wb") as file:
        npy.write_array(file, values("<f4", (2, 3)), version=version)
np.save("refused_object.npy", np.array([None, 1], dtype=object), allow_pickle=True)
np.save("refused_structured.npy", np.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")]))
np.save("refused_text.npy", np.array(["ab", "c"]))
np.save("refused_complex.npy", np.zeros(2, dtype="<c8"))
np.save("refused_date.npy", np.zeros(2, dtype="<M8[D]"))

# npz: stored, deflated, unseekable output (data descriptors), and a comment at the end
arrays = {"weight": values("<f4", (3, 4)), "labels": values("u1", (5,)), "größe/β": values("<i8", (2,)), "none": values("<f8", (0, 3))}
np.savez("stored.npz", **arrays)
np.savez_compressed("deflated.npz", **arrays)


class Unseekable(io.RawIOBase):
    def __init__(self, file):
        self.file = file

    def writable(self):
        return True

    def write(self, data):
        return self.file.write(data)


for name, method in [("descriptor_stored.npz", zipfile.ZIP_STORED), ("descriptor_deflated.npz", zipfile.ZIP_DEFLATED)]:
    with open(name, "wb") as file, zipfile.ZipFile(Unseekable(file), "w", method) as archive:
        for key, array in arrays.items():
            info = zipfile.ZipInfo(key + ".npy")
            info.compress_type = method
            with archive.open(info, "w") as member:
                npy.write_array(member, array)
with zipfile.ZipFile("comment.npz", "w") as archive:
    archive.comment = b"a comment PK\x05\x06 that holds a signature"
    buffer = io.BytesIO()
    npy.write_array(buffer, arrays["weight"])
    archive.writestr(zipfile.ZipInfo("weight.npy"), buffer.getvalue())

# safetensors: every element type, shapes at the edges, names that need escapes, metadata
dtypes = ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "bfloat16", "float32", "float64"]
tensors = {}
for name in dtypes:
    kind = "float32" if "float" in name else name
    tensors[name] = torch.from_numpy(values(kind, (2, 3))).to(getattr(torch, name))
for name in ["float8_e4m3fn", "float8_e5m2", "float8_e8m0fnu"]:
    tensors[name] = torch.arange(6, dtype=torch.uint8).reshape(2, 3).view(getattr(torch, name))
save_file(tensors, "types.safetensors", metadata={"format": "pt"})
save_file(
    {
        'quote " and \\ back/slash': torch.from_numpy(values("<f4", (3,))),
        "tab\tline\nbell\u0007 del\u007f": torch.from_numpy(values("u1", (3,))),
        "größe β 🙂": torch.from_numpy(values("<f8", (1, 1))),
        "": torch.from_numpy(values("<i2", (2,))),
        "empty": torch.zeros((0, 3)),
        "scalar": torch.tensor(-0.5),
    },
    "names.safetensors",
    metadata={"key \" \n β": "value \\ \u0001"},
)
save_file({}, "nothing.safetensors")
