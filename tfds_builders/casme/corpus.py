"""CASME on disk: one workbook, sub01/EP01_12/EP01_12-73.jpg.

The number of a frame stands behind the last hyphen, padded to three digits in the corpus's second
part and bare in its first. Releases of the workbook have 189, 193 or 195 rows.
"""

from collections.abc import Sequence

from merclip_jax.tfds_builders import sheets
from merclip_jax.tfds_builders.casme2.corpus import Casme2
from merclip_jax.tfds_builders.corpus import Corpus


class Casme(Casme2):
    """CASME (Yan et al. 2013): folders and names as in CASME II, another workbook."""

    name = "casme"
    home = "http://casme.psych.ac.cn/casme/e1"
    layouts = {
        "cropped": "The owner's aligned face crops.",
        "raw": "The whole pictures.",
    }
    fps = 60.0
    columns = {
        "subject": ("Subject",),
        "clip": ("Filename",),
        "onset": ("OnsetF", "OnsetFrame"),
        "apex": ("ApexF1", "ApexF", "ApexFrame"),
        "offset": ("OffsetF", "OffsetFrame"),
        "aus": ("AU", "AUs", "Action Units"),
        "emotion": ("Emotion", "Estimated Emotion"),
    }

    optional = ()
    objective = Corpus.objective  # no column, no workbook of their own

    def books(self) -> Sequence[sheets.Book]:
        """The coding workbook with the newest date in its name; never that of CASME II."""
        owners = (r"^casme-coded-\d{8}\.xlsx?$", r"^casme\.xlsx?$")
        copies = r"casme(?!.?(2|ii)).?cod.*\.xlsx?$"
        return (sheets.Book("CASME-coded-20190721.xls (or casme.xlsx)", (*owners, copies)),)

    sources = Corpus.sources
