"""Writes SOURCES.md beside the embedded data: for each table, and each number in code, where it comes from.

    python -m persona_metrics.synthesis.document persona_metrics/dataset/embedded

The tables' own headers are the only place where their sources stand; this lays them out for a reader.
"""

from __future__ import annotations

import sys
from pathlib import Path

from .draw import POPULATION

OPENING = """# Where the numbers come from

Every table that the embedded personas are drawn from, as its own header says it; written by `python -m persona_metrics.synthesis.document`
from the files in `persona_metrics/synthesis/population/`. *Published* figures stand in the table named. *Computed* ones follow from
published figures or from microdata by the step named. *Assumed* ones were set for this project, for the reason given.
"""

IN_CODE = """## Numbers in code

- `persona_metrics/synthesis/fit/beliefs.py`, religion: **published**, Pew Religious Landscape Study 2023-24, executive summary: Protestant 40,
  Catholic 19, other Christian 3, Jewish 2, Muslim, Buddhist and Hindu 1 each, unaffiliated 29 (atheist 5, agnostic 6, nothing
  in particular 19, scaled to the 29). **Published**, chapter 24: 61 percent of Christians are White, 18 Hispanic. **Assumed**:
  other religions 2, what is left of all non-Christian ones; those without an answer are spread over all.
- `persona_metrics/synthesis/fit/beliefs.py`, what the survey's "Other" religion is made of by origin: **assumed**, since the extract has no
  finer answers; most are Christians of no named denomination, and totals are raked to Pew's.
- `persona_metrics/synthesis/fit/politics.py`, ideology: **published**, Gallup 2024 (655190): adults 37, 34 and 25 percent conservative, moderate
  and liberal; Republicans 77, 18 and 4; Democrats 55 liberal, 19 very liberal. **Assumed**: the other 45 of the Democrats are
  split 10 to 35, as in 2019 (14 to 36); "very" against plain on each side goes by the survey's "extremely", as much commoner
  as among liberal Democrats on a party's own side and a quarter as common on the other, where answers are partly slips.
- `persona_metrics/synthesis/person.py`, cuts between the five levels of a trait at T-scores 35, 45, 56 and 66: **assumed**; the paper names the
  levels but no cuts, and these hold 6, 23, 42, 23 and 6 percent of a normal distribution.
- `persona_metrics/synthesis/health.py`: **published**, the federal minimum wage, 7.25 dollars an hour; **assumed**, that a public
  employee who is no physician earns at most 230,000 dollars, and that pay within a job spreads by 0.4 in logarithms.
- `persona_metrics/synthesis/fit/home.py`, how many of each origin are 15 to 17 of those of 15 and over: **assumed**.
- `persona_metrics/synthesis/texts.py`, how much likelier an entry becomes with what it asks of a person (4, 3, 2): **assumed**; no share of
  quirks or habits is published, and none is claimed.
"""


def render(folder: Path = POPULATION) -> str:
    """Return SOURCES.md: a section for each table, in the order of their names, and one for the numbers in code."""
    sections = [OPENING, IN_CODE]
    for path in sorted(folder.glob("*.csv")):
        lines: list[str] = []
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line.startswith("#"):
                break
            if line.startswith("# keys:"):
                continue
            if line.startswith("#   "):
                lines[-1] += " " + line[1:].strip()
            else:
                lines.append("- " + line[1:].strip())
        sections.append("\n".join([f"## {path.stem}", "", *lines, ""]))
    return "\n".join(sections)


if __name__ == "__main__":
    (Path(sys.argv[1]) / "SOURCES.md").write_text(render(), encoding="utf-8", newline="\n")
