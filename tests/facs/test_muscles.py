from merclip_jax.facs import muscles


def test_the_glossary_names_units_of_the_face_alone():
    """A cell may tell a movement of the head (57: forward), which no muscle of the face makes."""
    assert muscles.glossary([12, 57, 4, 12]) == {
        "AU4 Brow Lowerer": "corrugator supercilii, depressor supercilii, procerus",
        "AU12 Lip Corner Puller": "zygomaticus major",
    }
