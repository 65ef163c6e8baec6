"""The report of an audit for people: as text for a terminal, and as a page."""

from collections import Counter

from merclip_jax import templates
from merclip_jax.facs import muscles

STOPPING, OTHERS = 12, 3  # faults and notes of a kind that the terminal shows; the page has all


def text(values: dict) -> str:
    """The report for a terminal."""
    faults, notes = (
        [fault for fault in values["faults"] if fault["stops_build"] == stops]
        for stops in (True, False)
    )
    lines = [
        f"{values['dataset']}: {values['n_clips']} clips of {values['n_subjects']} subjects "
        f"({values['annotation_file']}; frames: {values['layout']})",
        "",
        *_counted("parts", values["parts"]),
        *_counted("emotions", values["emotions"]),
        *_counted("objective classes", values["objective_classes"]),
        *_counted("action units", values["aus"]),
        *_published(values["published"]),
        *_protocols(values["protocols"]),
        *_corrections(values["corrections"]),
        *_faults("faults", faults, STOPPING, "each must be mended before a build"),
        *_faults("notes", notes, OTHERS, "they stop no build"),
    ]
    return "\n".join(lines) + "\n"


def html(values: dict) -> str:
    """The report as one page without network access."""
    parts = {
        "Faults": [fault for fault in values["faults"] if fault["stops_build"]],
        "Notes": [fault for fault in values["faults"] if not fault["stops_build"]],
    }
    kinds = {part: Counter(one["kind"] for one in listed) for part, listed in parts.items()}
    return templates.fill(
        "reports/audit.html",
        **values,
        kinds=kinds,
        listed=parts,
        stopping=len(parts["Faults"]),
        glossary=muscles.glossary(map(int, values["aus"])),
    )


def _counted(title: str, counts: dict[str, int]) -> list[str]:
    if not counts:
        return []
    return [f"{title}: " + ", ".join(f"{name} {count}" for name, count in counts.items())]


def _published(compared: list[dict]) -> list[str]:
    lines = ["", "against published counts"] if compared else []
    for entry in compared:
        differences = entry["differences"]
        lines.append(f"  {entry['source']}: {'the same' if not differences else ''}".rstrip())
        lines += [f"    {difference}" for difference in differences]
    return lines


def _protocols(entries: dict[str, dict]) -> list[str]:
    width = max(map(len, entries), default=0)
    lines = ["", "protocols"] if entries else []
    for name, entry in entries.items():
        if "error" in entry:
            lines.append(f"  {name:{width}}  {entry['error']}")
            continue
        counts = ", ".join(f"{label} {count}" for label, count in entry["counts"].items())
        published = f"the published list {entry['published']}" if entry["published"] else ""
        lines.append(
            f"  {name:{width}}  {entry['n_clips']:5} clips {entry['n_subjects']:4} subjects  "
            f"{entry['fingerprint'][:12]}  {published}".rstrip()
        )
        lines.append(f"  {'':{width}}  {counts or 'action units alone, no classes'}")
    return lines


def _corrections(applied: list[dict]) -> list[str]:
    lines = ["", f"corrections applied: {len(applied)}"] if applied else []
    return lines + [
        f"  {line['key']}: {line['column']} {line['old']} -> {line['new']}" for line in applied
    ]


def _faults(title: str, listed: list[dict], most: int, effect: str) -> list[str]:
    """Faults stop a build; notes do not. Each kind is listed as far as `most`."""
    if not listed:
        return ["", f"{title}: none"]
    lines = ["", f"{title}: {len(listed)}; {effect}"]
    for kind in sorted({fault["kind"] for fault in listed}):
        group = [fault for fault in listed if fault["kind"] == kind]
        lines.append(f"  {kind.replace('_', ' ')} ({len(group)})")
        lines += [f"    {fault['key']}: {fault['detail']}" for fault in group[:most]]
        if len(group) > most:
            lines.append(f"    and {len(group) - most} more; --html or --json lists them")
    return lines
