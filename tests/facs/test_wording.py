import pytest

from merclip_jax.facs import notation, phrases, wording


@pytest.mark.parametrize(
    ("cell", "published"),
    [
        (4, "lowering the brows"),
        ("12+15+17", "a combination of pulling the corners of the lips, depressing the corners of "
         "the lips and raising the chin"),
        ("4+9+L10+14", "a combination of lowering the brows, wrinkling the nose, raising the left "
         "upper lip and creating the dimples"),
        ("1+R2+25", "a combination of raising the inner part of the brows, raising the outer part "
         "of the right brow and parting the lips"),
        ("L2+26+38", "a combination of raising the outer part of the left brow, parting the lips "
         "and dilating the nostrils"),
        ("4+7+L9", "a combination of lowering the brows, tightening the lids and wrinkling the "
         "left side of the nose"),
        ("L20", "stretching the lips down and to the left"),
        ("A/L12", "pulling the left corner of the lips"),
        ("12A+ref(24)", "a combination of pulling the corners of the lips and pressing the lips "
         "might be present"),
        ("(R6 or R12)+R15", "a combination of raising the right cheek or pulling the right corner "
         "of the lips and depressing the right corner of the lips"),
        ("R14+R17", "a combination of creating the right dimple and raising the chin to the right"),
        ("8+25", "parting the lips"),
    ],
)  # fmt: skip
def test_released_sentences_are_the_published_ones(cell, published):
    assert wording.sentence(notation.parse(cell), "released") == published


def test_our_sentences_do_not_depend_on_the_order_of_the_cell():
    first, second = notation.parse("4+7+6"), notation.parse("6+4+7")
    assert wording.sentence(first, "ours") == wording.sentence(second, "ours")
    assert wording.sentence(first) != wording.sentence(second)


@pytest.mark.parametrize(
    ("cell", "fixed"),
    [
        ("26", "dropping the jaw"),
        ("11", "deepening the nasolabial folds"),
        ("R45", "blinking the right eye"),
        ("T23", "tightening the top lip"),
        ("B18", "puckering the bottom lip"),
        ("L18", "puckering the left half of the lips"),
        ("4(k)+L7", "tightening the left lid"),
    ],
)
def test_our_sentences_mend_the_published_ones(cell, fixed):
    assert wording.sentence(notation.parse(cell), "ours") == fixed


@pytest.mark.parametrize("style", ["released", "ours"])
@pytest.mark.parametrize("cell", [None, "", "?", "4+?", "12(k)"])
def test_nothing_certain_is_no_sentence(cell, style):
    assert wording.sentence(notation.parse(cell), style) == ""


@pytest.mark.parametrize("style", ["released", "ours"])
def test_left_right_and_both_read_differently(style):
    for number in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 16, 17, 18, 20, 24, 25):
        cells = (f"{number}", f"L{number}", f"R{number}")
        assert len({wording.sentence(notation.parse(cell), style) for cell in cells}) == 3


def test_templates_have_one_slot_each():
    for templates in (phrases.TEMPLATES, phrases.TEMPLATES_RELEASED):
        assert len(set(templates)) == 7
        assert all(template.count("{}") == 1 for template in templates)
    assert not set(phrases.TEMPLATES) & set(phrases.TEMPLATES_RELEASED)
