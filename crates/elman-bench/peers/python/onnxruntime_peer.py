"""onnxruntime's LSTM, GRU and RNN operators (inference only) as a peer of elman-bench.

Weights are initialisers of the model, so that onnxruntime packs them once, when it loads.
"""

import numpy

from line_protocol import Unsupported, permute_gates, serve


def start(threads):
    import onnx  # noqa: F401: say at once that it is missing.
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    return Peer(onnxruntime, options)


class Peer:
    name = "onnxruntime"

    def __init__(self, onnxruntime, options):
        self.runtime, self.options, self.version = onnxruntime, options, onnxruntime.__version__

    def case(self, case, question):
        return Case(self, case, question)

    def epoch(self, epoch):
        raise Unsupported("onnxruntime is compared in inference only")


def onnx_weights(cell, question):
    """Elman's weights as one kernel `[F+H, G*H]` and two biases in ONNX's order of gates."""
    if cell == "lstm":  # i, j, f, o to i, o, f, c.
        kernel, bias = (permute_gates(question[name], [0, 3, 2, 1]) for name in ("kernel", "bias"))
        return kernel, bias, numpy.zeros_like(bias)
    if cell == "basic":
        return question["kernel"], question["bias"], numpy.zeros_like(question["bias"])
    # r, z to z, r; then the candidate.
    gates, gates_bias = (permute_gates(question["gates_" + name], [1, 0]) for name in ("kernel", "bias"))
    candidate_bias = question["candidate_bias"]
    recurrent_bias = question.get("recurrent_bias", numpy.zeros_like(candidate_bias))
    return (
        numpy.concatenate([gates, question["candidate_kernel"]], axis=1),
        numpy.concatenate([gates_bias, candidate_bias]),
        numpy.concatenate([numpy.zeros_like(gates_bias), recurrent_bias]),
    )


def build_model(case, question):
    """One node, its weights, and the state as inputs and outputs."""
    from onnx import TensorProto, checker, helper, numpy_helper

    cell, shape = case["cell"], case["shape"]
    operator = {"lstm": "LSTM", "basic": "RNN"}.get(cell, "GRU")
    features, units = shape["features"], shape["units"]
    kernel, first, second = onnx_weights(cell, question)
    initialisers = {
        "W": kernel[:features].T,
        "R": kernel[features:].T,
        "B": numpy.concatenate([first, second]),
    }
    initialisers = [numpy_helper.from_array(numpy.ascontiguousarray(value)[None], name) for name, value in initialisers.items()]
    states = ["h", "c"] if operator == "LSTM" else ["h"]
    attributes = {"hidden_size": units}
    if operator == "GRU":
        attributes["linear_before_reset"] = int(cell == "gru-after")
    node = helper.make_node(
        operator,
        ["X", "W", "R", "B", "", *states],
        ["Y", *(f"{state}_last" for state in states)],
        **attributes,
    )

    def value(name, *axes):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, axes)

    batch = shape["batch"]
    graph = helper.make_graph(
        [node],
        "layer",
        [value("X", None, batch, features), *(value(state, 1, batch, units) for state in states)],
        [value("Y", None, 1, batch, units), *(value(f"{state}_last", 1, batch, units) for state in states)],
        initialisers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    checker.check_model(model)
    return model.SerializeToString(), states


class Case:
    def __init__(self, peer, case, question):
        self.mode = case["mode"]
        if self.mode not in ("infer", "stream"):
            raise Unsupported("onnxruntime is compared in inference only")
        model, self.states = build_model(case, question)
        self.session = peer.runtime.InferenceSession(model, peer.options, providers=["CPUExecutionProvider"])
        shape = case["shape"]
        zeros = numpy.zeros((1, shape["batch"], shape["units"]), numpy.float32)
        self.zeros = {state: zeros for state in self.states}
        self.inputs = numpy.ascontiguousarray(question["inputs"])
        self.stream, self.fed = self.zeros, 0

    def feed(self):
        time = self.fed % len(self.inputs)
        output, *states = self.session.run(None, {"X": self.inputs[time : time + 1], **self.stream})
        self.stream = dict(zip(self.states, states))
        self.fed += 1
        return output

    def infer(self):
        return self.session.run(["Y"], {"X": self.inputs, **self.zeros})[0]

    def answer(self):
        if self.mode == "stream":
            outputs = numpy.concatenate([self.feed() for _ in self.inputs])
        else:
            outputs = self.infer()
        return {"outputs": outputs[:, 0]}

    def run(self, iterations):
        once = self.feed if self.mode == "stream" else self.infer
        for _ in range(iterations):
            once()


if __name__ == "__main__":
    serve(start)
