"""Compiles the kernels of CUDA C++ texts with NVRTC, which needs no GPU.

nvrtc.py ARCH[,ARCH...] FILE...
    Compiles each different kernel of the files once for the first architecture,
    and for the others one of those that differ in numbers alone. Prints how
    many, and which have registers spilled to local memory or use it at all, as
    ptxas reports. Exit code 1 with NVRTC's log if one doesn't compile.
nvrtc.py --time ARCH[,ARCH...] FILE...
    Compiles each file as pfc-run does, in parts on all processors: its kernels,
    and processor seconds / seconds for each architecture, as rows of a table.
nvrtc.py --probe
    Exit code 0 if libnvrtc and CUDA's headers are here.
"""
import concurrent.futures
import ctypes
import os
import pathlib
import re
import resource
import sys
import time

HOMES = ["/usr/local/cuda"]
KERNELS_OF_PART = 16  # runtime/device/cuda/KernelCompiler.cpp


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


def compile_for(nvrtc, text, arch):
    """(whether it compiles, what NVRTC and ptxas say)"""
    program = ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"plan.cu",
                             0, None, None)
    options = [f"--gpu-architecture={arch}", "--std=c++17",
               "--ptxas-options=-v", "-I" + include_folder()]
    strings = (ctypes.c_char_p * len(options))(*[o.encode() for o in options])
    status = nvrtc.nvrtcCompileProgram(program, len(options), strings)
    size = ctypes.c_size_t()
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    return status == 0, log.value.decode()


def local_memory(log):
    """kernel -> (bytes of stack frame, of spill stores, of spill loads)"""
    report = re.findall(r"Function properties for (\w+)\n.*?(\d+) bytes stack "
                        r"frame, (\d+) bytes spill stores, (\d+) bytes spill "
                        r"loads", log)
    return {name: tuple(map(int, sizes)) for name, *sizes in report}


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


def one_of_a_kind(text):
    """The text with the longest of the kernels that differ in numbers alone, and
    all on tensor cores, which is code of a chip's own (tensor_core.cuh)."""
    prelude, kernels = split(text)
    kinds = {}
    for kernel in kernels:
        kind = re.sub(r"\bk\d+_|\b\d[\d.]*(e[-+]?\d+)?f?\b", "N", kernel)
        if "_by_warp" in kernel:
            kind = kernel
        kinds[kind] = max(kinds.get(kind, ""), kernel, key=len)
    return prelude + "".join(kinds.values())


def names(kernels):
    return ", ".join(sorted(kernels)) or "none"


def halves(text):
    prelude, kernels = split(text)
    middle = (len(kernels) + 1) // 2
    return [prelude + "".join(part)
            for part in (kernels[:middle], kernels[middle:]) if part]


def check(nvrtc, archs, files):
    text = union(files)
    texts = [text] + [one_of_a_kind(text)] * (len(archs) - 1)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        started = [[pool.submit(compile_for, nvrtc, half, arch)
                    for half in halves(text)]
                   for text, arch in zip(texts, archs)]
    for arch, text, parts in zip(archs, texts, started):
        kernels, used = len(split(text)[1]), {}
        for part in parts:
            good, log = part.result()
            used.update(local_memory(log))
            if not good:
                sys.exit(f"{arch}:\n{log[:4000]}")
        if len(used) != kernels:
            sys.exit(f"{arch}: {kernels} kernels, {len(used)} reported on")
        spilled = [name for name, (_, *spills) in used.items() if any(spills)]
        print(f"{arch}: {kernels} kernels, with spilled registers: "
              f"{names(spilled)}, with local memory: "
              f"{names(name for name, sizes in used.items() if any(sizes))}")


def compile_in_parts(nvrtc, text, arch):
    """Exits with NVRTC's log if one does not compile."""
    prelude, kernels = split(text)
    parts = [prelude + "".join(kernels[at:at + KERNELS_OF_PART])
             for at in range(0, len(kernels), KERNELS_OF_PART)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for good, log in pool.map(lambda part: compile_for(nvrtc, part, arch),
                                  parts):
            if not good:
                sys.exit(log[:4000])


def time_files(nvrtc, archs, files):
    for file in files:
        text, row = pathlib.Path(file).read_text(), []
        for arch in archs:
            used = resource.getrusage(resource.RUSAGE_SELF).ru_utime
            begin = time.monotonic()
            compile_in_parts(nvrtc, text, arch)
            wall = time.monotonic() - begin
            used = resource.getrusage(resource.RUSAGE_SELF).ru_utime - used
            row.append(f"{used:.1f} / {wall:.1f}")
        print(f"| {pathlib.Path(file).stem} | {len(split(text)[1])} | "
              f"{' | '.join(row)} |", flush=True)


def main():
    arguments = sys.argv[1:]
    nvrtc = library()
    if arguments == ["--probe"]:
        sys.exit(0 if nvrtc and include_folder() else 1)
    action = check
    if arguments[0] == "--time":
        action, arguments = time_files, arguments[1:]
    action(nvrtc, arguments[0].split(","), arguments[1:])


main()
