"""Logistic regression on exported vectors; called by probe-against-sklearn.sh."""

import json
import sys

import numpy
from seqeval.metrics import f1_score
from sklearn.linear_model import LogisticRegression

work, train_path, test_path, column = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])


def sentences(path):
    """The labels of each sentence, IOB1 turned into IOB2."""
    result, labels = [], []
    for line in open(path, encoding="utf-8"):
        fields = line.split()
        if fields and fields[0] != "-DOCSTART-":
            labels.append(fields[column - 1])
        elif labels:
            result.append(labels)
            labels = []
    return result + ([labels] if labels else [])


def iob2(labels):
    previous, result = "O", []
    for label in labels:
        begins = label[:2] == "I-" and (previous == "O" or previous[2:] != label[2:])
        result.append("B" + label[1:] if begins else label)
        previous = label
    return result


train, test = sentences(train_path), sentences(test_path)
spans = all(label == "O" or label[:2] in ("B-", "I-") for labels in train for label in labels)
if spans:
    train, test = [iob2(labels) for labels in train], [iob2(labels) for labels in test]
shares = json.loads(open(f"{work}/probe.jsonl", encoding="utf-8").readline())["layerWeights"]
vectors = {part: numpy.load(f"{work}/{part}.npy") for part in ("train", "test")}
# The probe fits to nine sentences of ten, and standardises by them.
fitted = numpy.array([index % 10 != 9 for index, labels in enumerate(train) for _ in labels])
mean, deviation = vectors["train"][fitted].mean(0), vectors["train"][fitted].std(0)
deviation[deviation == 0] = 1
mixed = {
    part: sum(share * ((array - mean) / deviation)[:, layer] for layer, share in enumerate(shares))
    for part, array in vectors.items()
}
targets = numpy.array([label for labels in train for label in labels])
classifier = LogisticRegression(C=1.0, max_iter=150, tol=1e-3).fit(mixed["train"][fitted], targets[fitted])
predicted = iter(classifier.predict(mixed["test"]))
answers = [[next(predicted) for _ in labels] for labels in test]
if spans:
    score = f1_score(test, answers)
else:
    pairs = [pair for labels, answer in zip(test, answers) for pair in zip(labels, answer)]
    score = sum(label == answer for label, answer in pairs) / len(pairs)
print(f"scikit-learn, {'F1' if spans else 'accuracy'} %: {100 * score:.2f}")
