"""PyTorch's nn.LSTM, nn.GRU and nn.RNN, time-major (their default), as a peer of elman-bench."""

import numpy

from line_protocol import Unsupported, permute_gates, read_mnist, serve


def start(threads):
    import torch

    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    return Peer()


class Peer:
    name = "PyTorch"

    def __init__(self):
        import torch

        self.version = torch.__version__

    def case(self, case, question):
        return Case(case, question)

    def epoch(self, epoch):
        return Epoch(epoch)

    def text(self, text):
        return {"train": TrainText, "generate": GenerateText}[text["mode"]](text)

    def series(self, series):
        return Series(series)


def pytorch_weights(cell, question):
    """Elman's weights as one kernel `[F+H, G*H]` and two biases in PyTorch's order of gates."""
    if cell == "lstm":  # i, j, f, o to i, f, g, o.
        kernel, bias = (permute_gates(question[name], [0, 2, 1, 3]) for name in ("kernel", "bias"))
        return kernel, bias, numpy.zeros_like(bias)
    if cell == "basic":
        return question["kernel"], question["bias"], numpy.zeros_like(question["bias"])
    # r, z, n.
    gates_bias = question["gates_bias"]
    return (
        numpy.concatenate([question["gates_kernel"], question["candidate_kernel"]], axis=1),
        numpy.concatenate([gates_bias, question["candidate_bias"]]),
        numpy.concatenate([numpy.zeros_like(gates_bias), question["recurrent_bias"]]),
    )


def elman_gradients(cell, units, kernel, first, second):
    """The way back, for the gradients."""
    if cell == "lstm":
        return {"d.kernel": permute_gates(kernel, [0, 2, 1, 3]), "d.bias": permute_gates(first, [0, 2, 1, 3])}
    if cell == "basic":
        return {"d.kernel": kernel, "d.bias": first}
    gates = 2 * units
    return {
        "d.gates_kernel": kernel[:, :gates],
        "d.candidate_kernel": kernel[:, gates:],
        "d.gates_bias": first[:gates],
        "d.candidate_bias": first[gates:],
        "d.recurrent_bias": second[gates:],
    }


class Case:
    def __init__(self, case, question):
        import torch

        self.torch = torch
        self.cell, self.mode = case["cell"], case["mode"]
        layers = {"lstm": torch.nn.LSTM, "gru-after": torch.nn.GRU, "basic": torch.nn.RNN}
        if self.cell not in layers:
            raise Unsupported("PyTorch's GRU has its reset gate after the product")
        features, self.units = case["shape"]["features"], case["shape"]["units"]
        self.layer = layers[self.cell](features, self.units)
        kernel, first, second = (torch.tensor(value) for value in pytorch_weights(self.cell, question))
        with torch.no_grad():
            self.layer.weight_ih_l0.copy_(kernel[:features].T)
            self.layer.weight_hh_l0.copy_(kernel[features:].T)
            self.layer.bias_ih_l0.copy_(first)
            self.layer.bias_hh_l0.copy_(second)
        self.inputs = torch.tensor(question["inputs"], requires_grad=self.mode == "train-inputs")
        self.cotangent = torch.tensor(question["cotangent"])
        self.steps = [step.clone() for step in self.inputs.detach().split(1)]
        self.state, self.fed = None, 0

    def train(self):
        self.layer.zero_grad()
        self.inputs.grad = None
        outputs = self.layer(self.inputs)[0]
        (outputs * self.cotangent).sum().backward()
        return outputs

    def feed(self):
        output, self.state = self.layer(self.steps[self.fed % len(self.steps)], self.state)
        self.fed += 1
        return output

    def answer(self):
        if self.mode == "stream":
            with self.torch.inference_mode():
                return {"outputs": self.torch.cat([self.feed() for _ in self.steps]).numpy()}
        if self.mode == "infer":
            with self.torch.inference_mode():
                return {"outputs": self.layer(self.inputs)[0].numpy()}
        answer = {"outputs": self.train().detach().numpy()}
        layer = self.layer
        kernel = self.torch.cat([layer.weight_ih_l0.grad.T, layer.weight_hh_l0.grad.T]).numpy()
        biases = layer.bias_ih_l0.grad.numpy(), layer.bias_hh_l0.grad.numpy()
        answer |= elman_gradients(self.cell, self.units, kernel, *biases)
        if self.mode == "train-inputs":
            answer["d.inputs"] = self.inputs.grad.numpy()
        return answer

    def run(self, iterations):
        if self.mode in ("train", "train-inputs"):
            for _ in range(iterations):
                self.train()
            return
        with self.torch.inference_mode():
            for _ in range(iterations):
                if self.mode == "stream":
                    self.feed()
                else:
                    self.layer(self.inputs)


class Epoch:
    """The usual training loop: a shuffle, batches by index, Adam."""

    def __init__(self, epoch):
        import torch

        self.torch = torch
        images, labels = read_mnist(epoch)
        self.images, self.labels = torch.from_numpy(images), torch.from_numpy(labels)
        self.batch = epoch["batch"]
        torch.manual_seed(42)
        layers = {"basic": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru-after": torch.nn.GRU}
        self.cell = epoch["cell"]
        if self.cell not in layers:
            raise Unsupported("PyTorch's GRU has its reset gate after the product")
        self.rnn = layers[self.cell](28, epoch["units"], epoch["layers"], batch_first=True)
        self.dense = torch.nn.Linear(epoch["units"], 10)
        parameters = [*self.rnn.parameters(), *self.dense.parameters()]
        self.adam = torch.optim.Adam(parameters, lr=epoch["learning_rate"])

    def run(self):
        count = len(self.images)
        order = self.torch.randperm(count)
        for start in range(0, count - self.batch + 1, self.batch):
            chosen = order[start : start + self.batch]
            images, labels = self.images[chosen], self.labels[chosen]
            self.adam.zero_grad()
            states = self.rnn(images)[1]
            last = (states[0] if self.cell == "lstm" else states)[-1]
            loss = self.torch.nn.functional.cross_entropy(self.dense(last), labels)
            loss.backward()
            self.adam.step()
        return loss.item()


class Text:
    """LSTM layers over one-hot tokens, and a softmax: char-rnn."""

    def __init__(self, text):
        import torch

        self.torch, self.settings = torch, text
        torch.manual_seed(42)
        self.rnn = torch.nn.LSTM(text["vocabulary"], text["units"], text["layers"], batch_first=True)
        self.dense = torch.nn.Linear(text["units"], text["vocabulary"])
        self.parameters = [*self.rnn.parameters(), *self.dense.parameters()]

    def one_hot(self, tokens):
        return self.torch.nn.functional.one_hot(tokens, self.settings["vocabulary"]).float()


class TrainText(Text):
    """Windows one after the other, the state carried."""

    def __init__(self, text):
        super().__init__(text)
        width = text["count"] * text["time"] + 1
        tokens = [(at * at % 7919 + at % 13) % text["vocabulary"] for at in range(text["batch"] * width)]
        self.tokens = self.torch.tensor(tokens).reshape(text["batch"], width)
        self.rms = self.torch.optim.RMSprop(self.parameters, lr=text["learning_rate"], alpha=0.95)
        self.state = None

    def run(self):
        time = self.settings["time"]
        for window in range(self.settings["count"]):
            start = window * time
            inputs, targets = self.tokens[:, start : start + time], self.tokens[:, start + 1 : start + time + 1]
            self.rms.zero_grad()
            outputs, state = self.rnn(self.one_hot(inputs), self.state)
            self.state = tuple(part.detach() for part in state)
            logits = self.dense(outputs).flatten(0, 1)
            loss = self.torch.nn.functional.cross_entropy(logits, targets.flatten())
            loss.backward()
            self.torch.nn.utils.clip_grad_value_(self.parameters, 5.0)
            self.rms.step()
        return loss.item()


class GenerateText(Text):
    """One text, token by token."""

    def run(self):
        with self.torch.inference_mode():
            token, state = self.torch.zeros(1, 1, dtype=self.torch.long), None
            for _ in range(self.settings["count"]):
                output, state = self.rnn(self.one_hot(token), state)
                probabilities = self.torch.softmax(self.dense(output[:, -1]), dim=1)
                token = self.torch.multinomial(probabilities, 1)
            return -probabilities[0, token.item()].log().item()


class Series:
    """Layers over the features of every step, and a mean and a scale for each: DeepAR in training."""

    def __init__(self, series):
        import torch

        self.torch = torch
        torch.manual_seed(42)
        time, batch, features, units = (series["shape"][name] for name in ("time", "batch", "features", "units"))
        layers = {"basic": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru-after": torch.nn.GRU}
        if series["cell"] not in layers:
            raise Unsupported("PyTorch's GRU has its reset gate after the product")
        self.rnn = layers[series["cell"]](features, units, series["layers"], batch_first=True)
        self.dense = torch.nn.Linear(units, 2)
        count = series["count"] * batch * time * (features + 1)
        numbers = [(at * at % 7919 + at % 13) % 200 / 100 - 1 for at in range(count)]
        self.batches = torch.tensor(numbers).reshape(series["count"], batch, time, features + 1)
        parameters = [*self.rnn.parameters(), *self.dense.parameters()]
        self.adam = torch.optim.Adam(parameters, lr=series["learning_rate"])

    def run(self):
        softplus = self.torch.nn.functional.softplus
        for batch in self.batches:
            inputs, targets = batch[..., :-1], batch[..., -1]
            self.adam.zero_grad()
            mean, scale = self.dense(self.rnn(inputs)[0]).unbind(-1)
            scale = softplus(scale)
            loss = (scale.log() + 0.5 * ((targets - mean) / scale).square()).mean()
            loss.backward()
            self.adam.step()
        return loss.item()


if __name__ == "__main__":
    serve(start)
