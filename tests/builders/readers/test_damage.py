"""A share of the campaign of `benchmarks.damage`: nothing is taken in silence, in any corpus."""

import pytest

from benchmarks.damage import campaign


@pytest.mark.parametrize("seed", [10, 11])
def test_damages_of_every_class_are_read_right_or_named(seed):
    made = campaign.campaign(80, seed)
    wrong = made[made["outcome"].isin(campaign.WRONG)]
    assert wrong.empty, wrong.to_dict("records")
    assert made["damage"].nunique() > 25


def test_the_table_counts_every_damage():
    made = campaign.campaign(12, only="hidden sheet")
    counts = campaign.table(made)
    assert list(counts.index) == ["a hidden sheet of old labels", "all"]
    assert counts.loc["all", "right"] == len(made)
