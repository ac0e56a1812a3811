"""TensorFlow 1's graph and dynamic_rnn (tf.compat.v1), time-major, as a peer of elman-bench.

Inputs and weights are variables of the graph: nothing is fed and no result is fetched while timing.
"""

import os

import numpy

from line_protocol import Unsupported, read_mnist, serve

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def start(threads):
    import tensorflow

    return Peer(tensorflow, threads)


class Peer:
    name = "TF 1"

    def __init__(self, tensorflow, threads):
        tf = tensorflow.compat.v1
        tf.disable_eager_execution()
        tf.logging.set_verbosity(tf.logging.ERROR)
        self.tf, self.version = tf, tensorflow.__version__
        self.config = tf.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads)

    def case(self, case, question):
        return Case(self, case, question)

    def epoch(self, epoch):
        return Epoch(self, epoch)


def quiet(build):
    """The cells warn that they are deprecated, once each: they are what is measured."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return build()


class Case:
    def __init__(self, peer, case, question):
        tf = peer.tf
        cell, self.mode = case["cell"], case["mode"]
        units = case["shape"]["units"]
        if self.mode == "stream":
            raise Unsupported("a TF 1 graph is compared on whole sequences")
        cells = {
            "lstm": lambda: tf.nn.rnn_cell.LSTMCell(units, forget_bias=0.0),
            "gru-before": lambda: tf.nn.rnn_cell.GRUCell(units),
            "basic": lambda: tf.nn.rnn_cell.BasicRNNCell(units),
        }
        if cell not in cells:
            raise Unsupported("TF 1's GRUCell has its reset gate before the product")
        graph = tf.Graph()
        with graph.as_default():
            inputs = tf.Variable(question["inputs"], trainable=False)
            cotangent = tf.Variable(question["cotangent"], trainable=False)
            rnn_cell = quiet(cells[cell])
            outputs, _ = quiet(lambda: tf.nn.dynamic_rnn(rnn_cell, inputs, dtype=tf.float32, time_major=True))
            weights = {weight.op.name.split("rnn_cell/")[-1].split("_cell/")[-1]: weight for weight in rnn_cell.weights}
            weights = {name.replace("/", "_"): weight for name, weight in weights.items()}
            assign = [tf.assign(weight, question[name]) for name, weight in weights.items()]
            self.fetches = {"outputs": outputs}
            timed = [outputs.op]
            if self.mode != "infer":
                loss = tf.reduce_sum(outputs * cotangent)
                targets = dict(weights)
                if self.mode == "train-inputs":
                    targets["inputs"] = inputs
                gradients = tf.gradients(loss, list(targets.values()))
                self.fetches |= {"d." + name: value for name, value in zip(targets, gradients)}
                timed = [loss.op, *(gradient.op for gradient in gradients)]
            step = tf.group(*timed)
            self.session = tf.Session(graph=graph, config=peer.config)
            self.session.run(tf.global_variables_initializer())
            self.session.run(assign)
            self.step = self.session.make_callable(step)

    def answer(self):
        return self.session.run(self.fetches)

    def run(self, iterations):
        for _ in range(iterations):
            self.step()


class Epoch:
    """The book's graph and loop: feed_dict, batch-major, Adam."""

    def __init__(self, peer, epoch):
        tf = peer.tf
        self.images, self.labels = read_mnist(epoch)
        self.batch = epoch["batch"]
        self.shuffle = numpy.random.default_rng(42)
        graph = tf.Graph()
        with graph.as_default():
            tf.set_random_seed(42)
            self.x = tf.placeholder(tf.float32, [None, 28, 28])
            self.y = tf.placeholder(tf.int32, [None])
            units = epoch["units"]
            cells = {
                "basic": lambda: tf.nn.rnn_cell.BasicRNNCell(units),
                "lstm": lambda: tf.nn.rnn_cell.BasicLSTMCell(units),
                "gru-before": lambda: tf.nn.rnn_cell.GRUCell(units),
            }
            if epoch["cell"] not in cells:
                raise Unsupported("TF 1's GRUCell has its reset gate before the product")
            layers = [quiet(cells[epoch["cell"]]) for _ in range(epoch["layers"])]
            cell = quiet(lambda: tf.nn.rnn_cell.MultiRNNCell(layers)) if len(layers) > 1 else layers[0]
            _, states = quiet(lambda: tf.nn.dynamic_rnn(cell, self.x, dtype=tf.float32))
            state = states[-1] if len(layers) > 1 else states
            last = state.h if epoch["cell"] == "lstm" else state
            logits = quiet(lambda: tf.layers.dense(last, 10))
            entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=self.y, logits=logits)
            self.loss = tf.reduce_mean(entropy)
            self.train = tf.train.AdamOptimizer(epoch["learning_rate"]).minimize(self.loss)
            self.session = tf.Session(graph=graph, config=peer.config)
            self.session.run(tf.global_variables_initializer())

    def run(self):
        order = self.shuffle.permutation(len(self.images))
        feed = None
        for start in range(0, len(order) - self.batch + 1, self.batch):
            chosen = order[start : start + self.batch]
            feed = {self.x: self.images[chosen], self.y: self.labels[chosen]}
            self.session.run(self.train, feed_dict=feed)
        return self.session.run(self.loss, feed_dict=feed)


if __name__ == "__main__":
    serve(start)
