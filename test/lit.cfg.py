# lit's configuration for everything under test/ but unit/ (GoogleTest).
import os
import subprocess
import lit.formats

config.name = "pfc"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".spec", ".test", ".cu"]
config.excludes = ["unit", "fuzz", "Inputs"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.build_dir, "test")
config.substitutions += [
    ("%root", config.source_dir),
    ("%build", config.build_dir),
    ("%python", config.python),
    ("%llvm_include", os.path.join(config.llvm_tools_dir, "../include")),
]
config.environment["PATH"] = os.pathsep.join(
    [os.path.join(config.build_dir, "bin"), config.llvm_tools_dir,
     os.environ["PATH"]])
config.environment["PFC_CACHE_DIR"] = os.path.join(
    config.test_exec_root, "kernel-cache")

# NVRTC compiles for any chip, but not every machine has it.
probe = os.path.join(config.test_source_root, "passes/Inputs/nvrtc.py")
if subprocess.run([config.python, probe, "--probe"]).returncode == 0:
    config.available_features.add("nvrtc")

# cuDNN tells of chips that are not here, from 9.8 on.
probe = os.path.join(config.test_source_root, "tools/pfc-device/Inputs/cudnn.py")
plug_in = os.path.join(config.build_dir, "bin/libpfc_device_cuda.so")
if os.path.exists(plug_in) and subprocess.run(
        [config.python, probe]).returncode == 0:
    config.available_features.add("cudnn")

# oneDNN multiplies bf16 where the processor has AVX-512.
with open("/proc/cpuinfo") as file:
    if "avx512bw" in file.read():
        config.available_features.add("avx512")

# Debian's python3-torch, where it is installed.
if os.path.exists("/usr/bin/python3") and subprocess.run(
        ["/usr/bin/python3", "-c", "import torch"],
        stderr=subprocess.DEVNULL).returncode == 0:
    config.available_features.add("torch")

# ONNX Runtime is no Debian package; a machine may have it for Python.
if subprocess.run([config.python, "-c", "import onnxruntime"],
                  stderr=subprocess.DEVNULL).returncode == 0:
    config.available_features.add("onnxruntime")
