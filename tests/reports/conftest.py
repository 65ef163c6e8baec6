import pytest


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium, for the tests of one file; they are skipped where there is none."""
    import browser_page  # its package may be missing: the files that need it skip themselves

    if not browser_page.executable():
        pytest.skip("no Chromium on this machine: install Debian's package chromium")
    with browser_page.launched() as running:
        yield running
