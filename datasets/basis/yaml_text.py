"""YAML text to plain values and back: every key once, no aliases, numbers and dates as the writer meant them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

Place = tuple[str, ...]

_LARGEST = 2**63  # of a whole number; settings hold none as large, and printing thousands of digits is refused


class YamlTextError(ValueError):
    """The text is no YAML of the kind that is read here; the words name the line where there is one."""


def parse_yaml(text: str, name: str = "") -> tuple[Any, Mapping[Place, int]]:
    """Values of a YAML text, and place of a field, as ("optimizer", "lr"), -> its line.

    Dates and times of day stay text, 1e-3 is a number, an empty text is None.

    Args:
        text: the YAML.
        name: of the file, for messages.

    Raises:
        YamlTextError: It is not valid, repeats a key, or has an alias, which can explode.
    """
    try:
        loader = _Loader(text)
        loader.name = name
        node = loader.get_single_node()
        lines = dict(_lines(node))
        return None if node is None else loader.construct_document(node), lines
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise YamlTextError(str(error)) from error


def yaml_text(values: Any) -> str:
    """Plain values as YAML that ``parse_yaml`` reads back as they are."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


class _Loader(yaml.SafeLoader):
    """YAML without repeated keys, of which the last would win silently, and without aliases."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="aliases are not allowed", problem_mark=self.peek_event().start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"duplicate key {key.value!r}", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_whole_number(self, node: Any) -> int:
        value = super().construct_yaml_int(node)
        if abs(value) >= _LARGEST:
            raise yaml.MarkedYAMLError(problem="a number of too many digits", problem_mark=node.start_mark)
        return int(value)


class _Dumper(yaml.SafeDumper):
    """Writes without aliases, and quotes what the loader would not take for text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


# YAML 1.1 makes a date of 2026-01-31, a number of 12:30 and a text of 1e-3; here it is the other way round.
_WHOLE = re.compile(r"[-+]?(0b[01_]+|0[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)$")
_BROKEN = re.compile(
    r"([-+]?([0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?"
    r"|[-+]?[0-9]+[eE][-+]?[0-9]+|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$"
)
_OTHERS = ("timestamp", "int", "float")
_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in found if not tag.endswith(_OTHERS)]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _class in (_Loader, _Dumper):  # the dumper keeps its own too, so that other programs read a date as text
    _class.add_implicit_resolver("tag:yaml.org,2002:int", _WHOLE, list("-+0123456789"))
    _class.add_implicit_resolver("tag:yaml.org,2002:float", _BROKEN, list("-+.0123456789"))
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_whole_number)


def _lines(node: yaml.Node | None, place: Place = ()) -> Iterator[tuple[Place, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*place, str(key.value))
            yield inner, key.start_mark.line + 1
            yield from _lines(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            inner = (*place, str(index))
            yield inner, value.start_mark.line + 1
            yield from _lines(value, inner)
