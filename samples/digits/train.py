#!/usr/bin/env python3
"""Train the digit classifier of this folder and export it as digits.onnx.

The data are scikit-learn's bundled 8x8 digits (1,797 scans; nothing is downloaded). The network

    image f32[1, 1, 8, 8] in 0..1 -> Conv 3x3 (12) -> Relu -> MaxPool 2x2 -> Conv 3x3 (24) -> Relu
        -> Flatten -> Gemm -> Softmax -> probabilities f32[1, 10]

is trained with numpy alone: forward pass, gradients by hand, Adam, dropout, softened labels, images moved by a pixel. Every
random draw comes from one seed, so the same numpy on the same machine gives the same file. A fifth of the scans is never trained on;
it yields the accuracy that is printed and the images in images/.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt && venv/bin/python train.py
"""
import pathlib

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits

FOLDER = pathlib.Path(__file__).resolve().parent
SEED = 7
EPOCHS = 60
BATCH = 32
LEARNING_RATE = 2e-3
DROPOUT = 0.5     # share of the features before Gemm that a training step leaves out
MOVED = 0.3       # share of the training images moved by up to one pixel each way
SOFTENED = 0.1    # share of each label spread evenly over the ten digits
CHANNELS1, CHANNELS2 = 12, 24


def windows(images):
    """3x3 neighbourhoods of f32[n, c, h, w], zeros outside: f32[n, h, w, c*9]."""
    n, c, h, w = images.shape
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    view = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))  # n c h w 3 3
    return view.transpose(0, 2, 3, 1, 4, 5).reshape(n, h, w, c * 9)


def convolve(images, weight, bias):
    """Conv with kernel 3x3, pads 1: f32[n, m, h, w]; also the windows, which the gradient needs."""
    columns = windows(images)
    result = columns @ weight.reshape(weight.shape[0], -1).T + bias
    return result.transpose(0, 3, 1, 2), columns


def convolve_gradient(gradient, columns, weight):
    """Gradients of (images, weight, bias) from the gradient of the result f32[n, m, h, w]."""
    n, m, h, w = gradient.shape
    rows = gradient.transpose(0, 2, 3, 1).reshape(-1, m)
    d_weight = (rows.T @ columns.reshape(rows.shape[0], -1)).reshape(weight.shape)
    turned = weight[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)  # correlation with the turned kernel undoes the forward pass
    d_images, _ = convolve(gradient, np.ascontiguousarray(turned), np.float32(0))
    return d_images, d_weight, rows.sum(axis=0)


def pool(images):
    """MaxPool 2x2, stride 2, and the mask of the winners (ties share the gradient)."""
    n, c, h, w = images.shape
    tiles = images.reshape(n, c, h // 2, 2, w // 2, 2)
    best = tiles.max(axis=(3, 5), keepdims=True)
    mask = (tiles == best).astype(np.float32)
    return best.reshape(n, c, h // 2, w // 2), mask / mask.sum(axis=(3, 5), keepdims=True)


def initial_weights(random):
    def he(shape, fan_in):
        return (random.standard_normal(shape) * np.sqrt(2 / fan_in)).astype(np.float32)

    return {
        "conv1.weight": he((CHANNELS1, 1, 3, 3), 9), "conv1.bias": np.zeros(CHANNELS1, np.float32),
        "conv2.weight": he((CHANNELS2, CHANNELS1, 3, 3), 9 * CHANNELS1), "conv2.bias": np.zeros(CHANNELS2, np.float32),
        "dense.weight": he((16 * CHANNELS2, 10), 16 * CHANNELS2), "dense.bias": np.zeros(10, np.float32),
    }


def forward(weights, images, kept=np.float32(1)):
    """Probabilities f32[n, 10] and what the gradients need; `kept` scales the features (dropout)."""
    first, columns1 = convolve(images, weights["conv1.weight"], weights["conv1.bias"])
    pooled, mask = pool(np.maximum(first, 0))
    second, columns2 = convolve(pooled, weights["conv2.weight"], weights["conv2.bias"])
    features = np.maximum(second, 0).reshape(len(images), -1) * kept
    logits = features @ weights["dense.weight"] + weights["dense.bias"]
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = exponents / exponents.sum(axis=1, keepdims=True)
    return probabilities, (first, columns1, mask, second, columns2, features)


def gradients(weights, images, labels, kept):
    """Gradients of the mean cross-entropy against softened labels."""
    probabilities, (first, columns1, mask, second, columns2, features) = forward(weights, images, kept)
    wanted = np.full_like(probabilities, SOFTENED / 10)
    wanted[np.arange(len(labels)), labels] += 1 - SOFTENED
    d_logits = (probabilities - wanted) / len(labels)
    result = {"dense.weight": features.T @ d_logits, "dense.bias": d_logits.sum(axis=0)}
    d_second = (d_logits @ weights["dense.weight"].T * kept).reshape(second.shape) * (second > 0)
    d_pooled, result["conv2.weight"], result["conv2.bias"] = convolve_gradient(d_second, columns2, weights["conv2.weight"])
    n, c, h, w = d_pooled.shape
    d_first = (mask * d_pooled.reshape(n, c, h, 1, w, 1)).reshape(first.shape) * (first > 0)
    _, result["conv1.weight"], result["conv1.bias"] = convolve_gradient(d_first, columns1, weights["conv1.weight"])
    return result


def moved(images, random):
    """Some of the images moved by up to one pixel each way, zeros outside."""
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    rows, columns = np.where(random.random(len(images)) < MOVED, random.integers(0, 3, (2, len(images))), 1)
    return np.stack([padded[i, :, r:r + 8, c:c + 8] for i, (r, c) in enumerate(zip(rows, columns))])


def train(images, labels, random):
    weights = initial_weights(random)
    mean = {name: np.zeros_like(value) for name, value in weights.items()}
    square = {name: np.zeros_like(value) for name, value in weights.items()}
    step = 0
    for epoch in range(EPOCHS):
        rate = LEARNING_RATE * 0.5 * (1 + np.cos(np.pi * epoch / EPOCHS))
        order = random.permutation(len(images))
        for start in range(0, len(order), BATCH):
            chosen = order[start:start + BATCH]
            step += 1
            kept = ((random.random((len(chosen), 16 * CHANNELS2)) >= DROPOUT) / (1 - DROPOUT)).astype(np.float32)
            for name, gradient in gradients(weights, moved(images[chosen], random), labels[chosen], kept).items():
                mean[name] = 0.9 * mean[name] + 0.1 * gradient
                square[name] = 0.999 * square[name] + 0.001 * gradient ** 2
                update = mean[name] / (1 - 0.9 ** step) / (np.sqrt(square[name] / (1 - 0.999 ** step)) + 1e-8)
                weights[name] = (weights[name] - rate * update).astype(np.float32)
    return weights


def onnx_model(weights):
    nodes = [
        helper.make_node("Conv", ["image", "conv1.weight", "conv1.bias"], ["conv1.out"], "conv1", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["conv1.out"], ["relu1.out"], "relu1"),
        helper.make_node("MaxPool", ["relu1.out"], ["pool.out"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["pool.out", "conv2.weight", "conv2.bias"], ["conv2.out"], "conv2", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["conv2.out"], ["relu2.out"], "relu2"),
        helper.make_node("Flatten", ["relu2.out"], ["features"], "flatten", axis=1),
        helper.make_node("Gemm", ["features", "dense.weight", "dense.bias"], ["logits"], "dense"),
        helper.make_node("Softmax", ["logits"], ["probabilities"], "softmax", axis=1),
    ]
    graph = helper.make_graph(
        nodes, "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, 8, 8], "ink of each pixel, 0 (none) to 1 (full)")],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, 10], "one for each digit, 0 to 9")],
        [numpy_helper.from_array(value, name) for name, value in weights.items()])
    model = helper.make_model(graph, producer_name="samples/digits/train.py", opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return model


def main():
    random = np.random.default_rng(SEED)
    digits = load_digits()
    pixels = np.round(digits.images * 255 / 16).astype(np.uint8)  # 0..16 in the data, 0..255 in the PGM files
    images, labels = (pixels.astype(np.float32) / 255)[:, None], digits.target
    order = random.permutation(len(images))
    test, rest = order[:len(order) // 5], order[len(order) // 5:]

    weights = train(images[rest], labels[rest], random)
    size = sum(value.nbytes for value in weights.values())
    right = forward(weights, images[test])[0].argmax(axis=1) == labels[test]
    print(f"{len(rest)} scans trained on, {len(test)} kept back: {right.sum()} of them right ({100 * right.mean():.2f} %), {size} bytes of weights")

    model = onnx_model(weights)
    onnx.save(model, FOLDER / "digits.onnx")
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    reference = np.concatenate([session.run(None, {"image": images[i:i + 1]})[0] for i in test])
    difference = np.abs(reference - forward(weights, images[test])[0]).max()
    print(f"largest difference to ONNX Runtime: {difference:.1e}")
    assert difference < 1e-5 and right.mean() >= 0.98

    (FOLDER / "images").mkdir(exist_ok=True)
    expected = ""
    for digit in range(10):  # the first scan of each digit among those kept back
        chosen = next(i for i in test if labels[i] == digit)
        rows = "\n".join(" ".join(f"{value:3d}" for value in row) for row in pixels[chosen])
        (FOLDER / "images" / f"{digit}.pgm").write_text(f"P2\n# scan {chosen} of scikit-learn's digits, a {digit}\n8 8\n255\n{rows}\n")
        expected += f"{digit}.pgm {digit}\n"
    (FOLDER / "images" / "expected.txt").write_text(expected)


if __name__ == "__main__":
    main()
