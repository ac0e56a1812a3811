"""What does a bag-of-words ridge regression get on the movie reviews, on the split of `recipes/movie-reviews.toml`?

    python docs/checks/bag_of_words.py [data/sentiment/movie_reviews.tsv.gz]

A fifth of the texts is the test part, the same as that of `elman fit movie-reviews`. The strength of the penalty is chosen
by 5-fold cross-validation on all others. Needs Python 3.9 or newer and `pip install scikit-learn==1.6.1`.
"""

import gzip
import sys

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

TEST_SHARE = 0.2


def test_places(texts):
    """Of how many texts which are the test part: one of each of equal stretches, at random."""
    count = int(texts * TEST_SHARE * (1 + 1e-12))
    starts = [stretch * texts // count for stretch in range(count + 1)]
    within = np.random.RandomState(0).random_sample(count)
    return {start + int(part * (end - start)) for start, end, part in zip(starts, starts[1:], within)}


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else "data/sentiment/movie_reviews.tsv.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [line.rstrip("\n").split("\t", 1) for line in lines if line.strip()]
    places = test_places(len(rows))
    train = [row for index, row in enumerate(rows) if index not in places]
    test = [row for index, row in enumerate(rows) if index in places]
    for name, words in [("counts", CountVectorizer(min_df=2)), ("tf-idf", TfidfVectorizer(min_df=2))]:
        pipeline = make_pipeline(words, Ridge())
        search = GridSearchCV(pipeline, {"ridge__alpha": [0.3, 1, 3, 10, 30, 100]}, scoring="neg_mean_squared_error", cv=5)
        search.fit([text for _, text in train], [float(score) for score, _ in train])
        answers = search.predict([text for _, text in test])
        scores = np.array([float(score) for score, _ in test])
        r = np.corrcoef(answers, scores)[0, 1]
        print(
            f"{name}: correlation {r:.4f}, mean squared error {np.mean((answers - scores) ** 2):.4f}, "
            f"alpha {search.best_params_['ridge__alpha']}, {len(test)} texts"
        )


if __name__ == "__main__":
    main()
