"""Whether ONNX Runtime computes what pfc does, to 1e-4 of each embedding's
largest element.  Usage: onnx_runtime.py FILE.onnx CASE   (pfc-check-onnx)"""
import sys

import numpy as np
import onnxruntime


def main():
    session = onnxruntime.InferenceSession(
        sys.argv[1], providers=["CPUExecutionProvider"])
    shape = session.get_inputs()[0].shape[1:]
    width = session.get_outputs()[0].shape[1]
    case = np.fromfile(sys.argv[2], np.float32)
    batch = case.size // (np.prod(shape) + width)
    images = case[:batch * np.prod(shape)].reshape([batch] + shape)
    expected = case[images.size:].reshape(batch, width)
    for rows in (batch, 1):
        (got,) = session.run(None, {"images": images[:rows]})
        error = (np.abs(got - expected[:rows]).max(axis=1) /
                 np.abs(expected[:rows]).max(axis=1)).max()
        assert error < 1e-4, (rows, error)
        print("batch of %d: %.2g" % (rows, error))


if __name__ == "__main__":
    main()
