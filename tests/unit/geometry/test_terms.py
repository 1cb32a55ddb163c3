"""What a group of documents is called."""

from __future__ import annotations

import math

from core.geometry.terms import name_groups


def test_a_group_is_named_by_the_words_that_the_others_do_not_have():
    leases = ["The tenant shall pay the rent.", "Rent is due from the tenant monthly."]
    others = ["The seller shall pay the price.", "The buyer shall inspect the goods.", "Payment shall follow."]
    assert name_groups([leases], others, most=2) == [["rent", "tenant"]]


def test_the_weight_is_class_tf_idf_with_the_root_of_the_share():
    # words: 4 in the group, 4 elsewhere, so A = 4; common: tf 3/4, f 6; rare: tf 1/4, f 1
    common, rare = math.sqrt(3 / 4) * math.log1p(4 / 6), math.sqrt(1 / 4) * math.log1p(4 / 1)
    assert rare > common
    assert name_groups([["common common common rare"]], ["common common common other"], most=2) == [["rare", "common"]]


def test_two_groups_are_told_from_each_other_and_no_words_give_no_name():
    found = name_groups([["apple pear apple"], ["plum cherry plum"], ["12 34 of the"]], ["word other thing place " * 10])
    assert found == [["apple", "pear"], ["plum", "cherry"], []]
    assert name_groups([["1 2 3"]]) == [[]]
