"""Compiles the kernels of CUDA C++ texts with NVRTC, which needs no GPU.

nvrtc.py ARCH[,ARCH...] FILE...
    Compiles each different kernel of the files once for each architecture, and
    prints how many, and which element-wise ones use local memory. Exit code 1
    with NVRTC's log if one doesn't compile.
nvrtc.py --probe
    Exit code 0 if libnvrtc and CUDA's headers are here.
"""
import concurrent.futures
import ctypes
import pathlib
import re
import struct
import sys

HOMES = ["/usr/local/cuda"]
# Attribute of .nv.info: {symbol, bytes of stack frame}.
FRAME_SIZE = 0x11


def library():
    for name in ["libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12"]:
        for folder in ["", *[home + "/lib64/" for home in HOMES]]:
            try:
                return ctypes.CDLL(folder + name)
            except OSError:
                pass
    return None


def include_folder():
    for home in HOMES:
        folder = pathlib.Path(home) / "include"
        if (folder / "cuda_bf16.h").exists():
            return str(folder)
    return None


def read(nvrtc, program, what):
    """The program's Log or CUBIN."""
    size = ctypes.c_size_t()
    getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    data = ctypes.create_string_buffer(size.value)
    getattr(nvrtc, f"nvrtcGet{what}")(program, data)
    return data.raw


def compile_for(nvrtc, text, arch):
    """(log, None) or ("", cubin)."""
    program = ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"plan.cu",
                             0, None, None)
    options = [f"--gpu-architecture={arch}", "--std=c++17",
               "-I" + include_folder()]
    strings = (ctypes.c_char_p * len(options))(*[o.encode() for o in options])
    status = nvrtc.nvrtcCompileProgram(program, len(options), strings)
    result = ((read(nvrtc, program, "ProgramLog").decode(), None) if status
              else ("", read(nvrtc, program, "CUBIN")))
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    return result


def sections(elf):
    """name -> bytes, of a 64-bit ELF file."""
    start, = struct.unpack_from("<Q", elf, 0x28)
    size, count, names = struct.unpack_from("<HHH", elf, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", elf, start + i * size)
               for i in range(count)]
    strings = headers[names][4]
    return {elf[strings + h[0]:elf.index(b"\0", strings + h[0])].decode():
            elf[h[4]:h[4] + h[5]] for h in headers if h[1] != 8}


def frames(cubin):
    """kernel -> bytes of its stack frame: registers' spills, local arrays."""
    parts = sections(cubin)
    symbols, strings = parts[".symtab"], parts[".strtab"]
    info, at, result = parts[".nv.info"], 0, {}
    while at < len(info):
        form, attribute, size = struct.unpack_from("<BBH", info, at)
        at += 4
        if form != 4:  # a value in place of the size
            continue
        if attribute == FRAME_SIZE:
            symbol, frame = struct.unpack_from("<II", info, at)
            name, = struct.unpack_from("<I", symbols, symbol * 24)
            result[strings[name:strings.index(b"\0", name)].decode()] = frame
        at += size
    return result


def split(text):
    """(prelude, [kernel])"""
    parts = re.split(r'(?=\n// [^\n]*\nextern "C")', text)
    return parts[0], parts[1:]


def union(files):
    """One text with every different kernel of the files, renumbered."""
    prelude, kernels = "", {}
    for file in files:
        before, found = split(pathlib.Path(file).read_text())
        prelude = max(prelude, before, key=len)
        for kernel in found:
            body = re.sub(r"\bk\d+_", "k_", kernel)
            kernels.setdefault(body, f"k{len(kernels)}_")
    return prelude + "".join(
        re.sub(r"\bk_", number, body) for body, number in kernels.items())


def is_elementwise(text, name):
    """The flat schedule's loop is the only one that strides by 256 threads."""
    body = text[text.index(f" {name}("):].split("\nextern", 1)[0]
    return "gridDim.x * 256" in body


def main():
    nvrtc = library()
    if sys.argv[1:] == ["--probe"]:
        sys.exit(0 if nvrtc and include_folder() else 1)
    text = union(sys.argv[2:])
    archs = sys.argv[1].split(",")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        compiled = list(pool.map(lambda a: compile_for(nvrtc, text, a), archs))
    for arch, (log, cubin) in zip(archs, compiled):
        if cubin is None:
            print(log[:4000])
            sys.exit(1)
        sizes = frames(cubin)
        local = [n for n, size in sizes.items()
                 if size and is_elementwise(text, n)]
        print(f"{arch}: {len(sizes)} kernels, element-wise ones with local "
              f"memory: {', '.join(local) or 'none'}")
        others = {n: s for n, s in sizes.items() if s and n not in local}
        if others:
            print(f"{arch}: other kernels with local memory: {others}")


main()
