"""Upper GI sites (Hanoi): gastroscopy stills of ten sites, with the day of each examination."""

from pathlib import Path

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.records import ClassInfo, DatasetInfo, Record
from unmissed.datasets.registry import register
from unmissed.datasets.tables import inside, is_file, read_table, report_absent
from unmissed.datasets.trees import check_classes, require_folder

INFO = DatasetInfo(
    name="upper-gi-sites",
    title="Upper GI sites (Hanoi)",
    task="classification",
    classes=(
        ClassInfo("pharynx", "Pharynx", "咽部"),
        ClassInfo("esophagus", "Oesophagus", "食管"),
        ClassInfo("cardia", "Cardia", "贲门"),
        ClassInfo("fundus", "Fundus", "胃底"),
        ClassInfo("body", "Body of the stomach", "胃体"),
        ClassInfo("greater_curvature", "Greater curvature", "胃大弯"),
        ClassInfo("lesser_curvature", "Lesser curvature", "胃小弯"),
        ClassInfo("antrum", "Antrum", "胃窦"),
        ClassInfo("duodenal_bulb", "Duodenal bulb", "十二指肠球部"),
        ClassInfo("duodenum", "Descending duodenum", "十二指肠降部"),
    ),
    counts={},
    group_by="day of the examination, read from the clock in the picture",
    layout="index.csv (columns path, site, day, exam) and folders pharynx, ..., duodenum with *.jpg",
    licence="none stated: for research, not to be passed on; cite the paper",
    citation="Tran et al., gastroscopy stills of ten anatomical sites, NICS 2021 (Hanoi)",
    homepage="",
)


@register(INFO)
def read(root: Path) -> list[Record]:
    """Read the pictures of index.csv; the group is the day, since its column ``exam`` is a guess."""
    table = require_folder(root, INFO) / "index.csv"
    if not table.is_file():
        raise DatasetError(f"no index.csv in {root}", expected=INFO.layout, fix="put the table beside the folders")
    known = {item.id for item in INFO.classes}
    records, absent = [], []
    for row in read_table(table, ("path", "site", "day")):
        if row["site"] not in known or not row["day"].strip():
            raise DatasetError(
                f"index.csv, line {row.line}, has the site {row['site']!r} and the day {row['day']!r}",
                expected=f"a day, and one of {', '.join(item.id for item in INFO.classes)}",
                fix="correct the line, or take it out",
            )
        path = inside(root, row["path"], table)
        if is_file(path):
            records.append(Record(path, row["site"], f"day-{row['day'].strip()}"))
        else:
            absent.append(row["path"])
    report_absent(INFO, table, absent, len(records))
    check_classes(root, INFO, {record.label for record in records}, (item.id for item in INFO.classes))
    return records
