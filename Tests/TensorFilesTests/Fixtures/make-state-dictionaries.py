"""Writes state.pt, module.pt, nested.pt: what torch.save writes, by Python's own pickler.

Needs no PyTorch: classes of the same names stand for those that torch pickles (torch/serialization.py, torch/_utils.py), so the
instructions are those of a real file. The numbers are those of generate.py: element k of a tensor is (k - 2) / 4, of integers k - 2.
"""
import collections, io, pathlib, pickle, struct, sys, types, zipfile

folder = pathlib.Path(__file__).parent
torch = types.ModuleType("torch")
utils = types.ModuleType("torch._utils")
sys.modules |= {"torch": torch, "torch._utils": utils}
FORMATS = {"FloatStorage": "f", "DoubleStorage": "d", "LongStorage": "q", "HalfStorage": "e", "ByteStorage": "B"}
for name in FORMATS:
    setattr(torch, name, type(name, (), {"__module__": "torch"}))
for name in ["_rebuild_tensor_v2", "_rebuild_parameter"]:
    def function(*arguments): raise NotImplementedError
    function.__name__ = function.__qualname__ = name
    function.__module__ = "torch._utils"
    setattr(utils, name, function)


class Storage:
    def __init__(self, kind, count):
        self.kind, self.count = kind, count


class Tensor:
    def __init__(self, storage, size, stride=None, offset=0):
        if stride is None:
            stride, step = [], 1
            for extent in reversed(size):
                stride.insert(0, step)
                step *= extent
        self.arguments = (storage, offset, tuple(size), tuple(stride), False, collections.OrderedDict())

    def __reduce_ex__(self, protocol):
        return utils._rebuild_tensor_v2, self.arguments


class Parameter:
    def __init__(self, tensor):
        self.tensor = tensor

    def __reduce_ex__(self, protocol):
        return utils._rebuild_parameter, (self.tensor, True, collections.OrderedDict())


class Module:
    pass


class Pickler(pickle.Pickler):
    def __init__(self, file):
        super().__init__(file, 2)
        self.storages = []

    def persistent_id(self, value):
        if not isinstance(value, Storage):
            return None
        if value not in self.storages:
            self.storages.append(value)
        return ("storage", getattr(torch, value.kind), str(self.storages.index(value)), "cpu", value.count)


def save(name, value):
    file = io.BytesIO()
    pickler = Pickler(file)
    pickler.dump(value)
    with zipfile.ZipFile(folder / name, "w") as archive:
        def add(member, data):
            archive.writestr(zipfile.ZipInfo(name[:-3] + "/" + member), data)
        add("data.pkl", file.getvalue())
        add("byteorder", "little")
        for index, storage in enumerate(pickler.storages):
            code = FORMATS[storage.kind]
            numbers = [k - 2 if code == "q" else k if code == "B" else (k - 2) / 4 for k in range(storage.count)]
            add(f"data/{index}", struct.pack(f"<{storage.count}{code}", *numbers))
        add("version", "3\n")


shared = Storage("FloatStorage", 12)
state = collections.OrderedDict()
state["fc1.weight"] = Tensor(shared, [3, 4])
state["fc1.bias"] = Parameter(Tensor(Storage("FloatStorage", 3), [3]))
state["tied"] = Tensor(shared, [3, 4])
state["transposed"] = Tensor(shared, [4, 3], [1, 4])
state["part"] = Tensor(shared, [2, 2], [4, 1], 5)
state["half"] = Tensor(Storage("HalfStorage", 5), [5])
state["double"] = Tensor(Storage("DoubleStorage", 2), [2, 1])
state["bytes"] = Tensor(Storage("ByteStorage", 3), [3])
state["bn.num_batches_tracked"] = Tensor(Storage("LongStorage", 1), [])
state["empty"] = Tensor(Storage("FloatStorage", 0), [0, 4])
state._metadata = collections.OrderedDict([("", {"version": 1}), ("fc1", {"version": 1, "big": 1 << 70, "rate": 0.5, "list": [1, 2]})])
save("state.pt", state)
save("nested.pt", {"epoch": 3, "state_dict": state})
Module.__module__ = "__main__"
save("module.pt", Module())
