"""Accuracy on randomly held-out images, beside which the contiguous folds are shown: the difference is the leak."""

import numpy as np

from pomona.classifier.class_moments import FoldMoments, FoldMomentsBuilder
from pomona.classifier.documents import HoldOut
from pomona.classifier.lda import LdaStatistics
from pomona.classifier.selection import SampledRows

LARGEST_SHARE = 0.2


def random_hold_out(moments: FoldMoments, classes: int, sample: SampledRows, shrinkage: float) -> HoldOut | None:
    """Return how many of the sampled rows a classifier predicts that was fitted to all other rows; None for no rows.

    The sample is random, so near-copies of its images are among the others. Its own statistics are subtracted from
    those of all rows, so nothing is read again. At most LARGEST_SHARE of the rows are held out.
    """
    total = moments.classified()
    rows = sample.of_classes(moments.evaluable(classes))
    held_out = int(min(len(rows.codes), total.count * LARGEST_SHARE))
    if not held_out:
        return None
    features, codes = rows.features[:held_out], rows.codes[:held_out]
    builder = FoldMomentsBuilder(features.shape[1])
    builder.add(features, np.zeros(held_out, np.int8), codes)
    own = builder.finish()
    left = moments.class_sums(classes) - own.class_sums(classes)
    scores = LdaStatistics.of(total.without(own.classified()), left).fit(shrinkage).scores(features)
    return HoldOut(held_out, int(np.count_nonzero(scores.argmax(axis=1) == codes)))
