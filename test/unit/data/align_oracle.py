"""Prints what AlignTest.cpp expects: needs numpy, opencv-python 4.10 and
scikit-image. (OpenCV 5 places its samples more finely.)"""
import numpy as np


def picture(height, width, channels):
    y, x, c = np.meshgrid(np.arange(height), np.arange(width),
                          np.arange(channels), indexing="ij")
    return ((x * x + 3 * y * y + x * y + 85 * c) % 251).astype(np.uint8)


def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


try:
    import cv2
    print("OpenCV", cv2.__version__)
    for height, width, channels, size, (a, b, dx, dy) in [
            (180, 150, 3, 112, (0.7753, -0.2494, -33.0944, 16.4059)),
            (60, 75, 1, 56, (1.25, 0.5, -20.75, 3.125)),
            (40, 40, 3, 112, (-2.5, 0.75, 90, 120))]:
        matrix = np.array([[a, -b, dx], [b, a, dy]])
        out = cv2.warpAffine(picture(height, width, channels), matrix,
                             (size, size), borderValue=0.0)
        print(f"{height} x {width}: {fnv(out.tobytes()):#x}")
except ImportError:
    print("no OpenCV")

try:
    from skimage.transform import SimilarityTransform
    crop = np.array([[38.2946, 51.6963], [73.5318, 51.5014],
                     [56.0252, 71.7366], [41.5493, 92.3655],
                     [70.7299, 92.2041]])
    tilted = np.array([[70.25, 60.5], [112.75, 74.0], [84.5, 92.25],
                       [62.0, 109.75], [97.5, 121.0]])
    fit = SimilarityTransform()
    fit.estimate(tilted, crop)
    print("fit", [round(v, 9) for v in fit.params[:2].flatten()])
except ImportError:
    print("no scikit-image")
