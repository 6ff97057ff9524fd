"""What ``tvm-srq compare`` does: check everything, measure, and put rows in order."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tqdm import tqdm

from tvm_srq.comparison.emulated import check_instructions, count_instructions, counted
from tvm_srq.comparison.entry import Entry, read_entries
from tvm_srq.comparison.host import measure_here, why_not_here
from tvm_srq.comparison.report import write_outputs
from tvm_srq.comparison.result import Comparison
from tvm_srq.comparison.row import Basis, Row
from tvm_srq.comparison.settings import Outputs, Settings
from tvm_srq.errors import UserError

if TYPE_CHECKING:
    from tvm_srq.comparison.quality import Quality


def compare(paths: Sequence[str], settings: Settings, outputs: Outputs) -> Comparison:
    """Measure every network on every device and write what was asked for; the table is for the caller to print.

    Raises:
        UserError: something given is wrong, which is found before anything is measured; or nothing given can run anywhere.
    """
    outputs.check(*paths, settings.network, settings.dataset)
    entries = read_entries(paths, settings.scale, settings.picture)
    settings.check(entries)
    if settings.instructions:
        check_instructions(entries)
    elsewhere = bool(settings.devices) or settings.instructions
    reasons = {entry: why_not_here(entry) for entry in entries}
    if not elsewhere and all(reasons.values()):
        raise nothing_runs([(entry.name, reason) for entry, reason in reasons.items()])
    quality = None
    if settings.dataset is not None:
        from tvm_srq.comparison.quality import Quality

        quality = Quality(settings.dataset, entries, settings.network, settings.scale, settings.picture)
    if settings.devices:
        from tvm_srq.comparison.devices import check_devices

        check_devices(settings.devices)
    rows = measured(entries, settings, quality)
    if all(row.basis is Basis.NOT_RUN for row in rows):
        raise nothing_runs([(f"{row.entry.name} on {row.device}", row.reason) for row in rows])
    found = Comparison(settings, rows, notes_of(rows, quality, outputs))
    write_outputs(found, outputs)
    return found


def measured(entries: Sequence[Entry], settings: Settings, quality: Quality | None) -> tuple[Row, ...]:
    """Rows in order. Devices come first: this machine, which talks to them, is then left alone with its own networks."""
    here = [entry for entry in entries if not (settings.instructions and counted(entry) and why_not_here(entry))]
    steps = len(entries) * (len(settings.devices) + 1) + settings.rounds * sum(not why_not_here(entry) for entry in here)
    with tqdm(total=steps, desc="comparing", file=sys.stderr, disable=None, leave=False) as progress:
        if quality is not None:
            quality.prepare()
        remote: dict[tuple[Entry, str], Row] = {}
        if settings.devices:
            from tvm_srq.comparison.devices import measure_there

            remote = measure_there(entries, settings, quality, progress.update)
        counts = count_instructions(entries, settings, progress.update) if settings.instructions else {}
        local = dict(zip(here, measure_here(here, settings, quality, progress.update), strict=True))
    rows = []
    for entry in entries:
        rows += [local[entry]] if entry in local else []
        rows += [counts[entry]] if entry in counts else []
        rows += [remote[entry, address.key] for address in settings.devices]
    return tuple(rows)


def notes_of(rows: Sequence[Row], quality: Quality | None, outputs: Outputs) -> tuple[str, ...]:
    """What was asked for and is not there."""
    notes = []
    if quality is not None and quality.unknown:
        names = ", ".join(entry.name for entry in quality.unknown)
        notes.append(f"the float32 network of {names} is not known, so nothing is compared with it; name it with --network")
    if outputs.chart is not None and all(row.timing is None for row in rows):
        notes.append(f"{outputs.chart} is not drawn, as no time was measured")
    return tuple(notes)


def nothing_runs(reasons: Sequence[tuple[str, str]]) -> UserError:
    """One sentence, which says why of the first."""
    (name, reason), *others = reasons
    more = f" (and {len(others)} more like it)" if others else ""
    return UserError(f"nothing given runs here: {name}{more}: {reason}")
