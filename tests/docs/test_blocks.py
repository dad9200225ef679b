"""What is found on a page of Markdown, and what is said about it."""

from __future__ import annotations

from pathlib import Path

from .blocks import Block, blocks

PAGE = """# A page

<!-- not run: asks a server -->
```sh
curl https://shop.example
```

<!-- part of: mapping -->

```yaml title="shop.yaml"
fields: {title: name}
```

<!-- not run: of what follows -->
But text lies between.

```python
print(1)
```

- a list

  ```console
  $ ls
  crawl
  ```

```
only shown
```
"""


def found(tmp_path: Path, text: str) -> list[Block]:
    (tmp_path / "page.md").write_text(text)
    return blocks("page.md", tmp_path)


def test_blocks_come_in_order_with_what_is_said_of_them(tmp_path: Path) -> None:
    got = found(tmp_path, PAGE)
    assert [(b.line, b.language, b.title, b.schema, b.not_run) for b in got] == [
        (4, "sh", None, None, "asks a server"),
        (10, "yaml", "shop.yaml", "mapping", None),
        (17, "python", None, None, None),
        (23, "console", None, None, None),
        (28, "", None, None, None),
    ]
    assert [b.source for b in got][2:] == ["print(1)\n", "$ ls\ncrawl\n", "only shown\n"]


def test_a_whole_page_may_be_left_out(tmp_path: Path) -> None:
    said = "# A page\n\n<!-- not run on this page: takes hours -->\n"
    got = found(tmp_path, PAGE.replace("# A page\n", said))
    assert {b.not_run for b in got} == {"asks a server", "takes hours"}
