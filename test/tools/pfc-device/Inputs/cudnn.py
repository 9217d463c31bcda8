"""Exit code 0 if there is a cuDNN that can be asked of a chip that is not here:
9.8 or newer, where the CUDA device looks for it."""
import ctypes
import os
import sys

home = os.environ.get("CUDA_HOME", "/usr/local/cuda")
folders = [*os.environ.get("PFC_CUDA_LIBRARIES", "").split(":"), "",
           os.path.join(home, "lib64")]
for folder in folders:
    try:
        library = ctypes.CDLL(os.path.join(folder, "libcudnn.so.9"))
    except OSError:
        continue
    library.cudnnGetVersion.restype = ctypes.c_size_t
    sys.exit(0 if library.cudnnGetVersion() >= 90800 else 1)
sys.exit(1)
