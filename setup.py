"""Make the long description out of the README; all the rest is in pyproject.toml."""

import re
from pathlib import Path

_CODE = r"^```.*?^```$|`[^`\n]+`"
_LINK = r"\[(?P<text>[^]]+)\]\((?!https?:)(?P<target>[^)\s]+)\)"


def long_description(readme: str, repository: str | None) -> str:
    """Make the README one that an index can show, where links to other files and to headings lead nowhere.

    :param readme: Markdown
    :param repository: where the files of the project are shown; without one, the texts of such links stay alone
    """

    def link(match: re.Match[str]) -> str:
        text, target = match["text"], match["target"]
        if not text:
            return match[0]
        if not repository:
            return text
        page = f"README.md{target}" if target.startswith("#") else target
        return f"[{text}]({repository.rstrip('/')}/blob/HEAD/{page})"

    shown = re.sub(f"{_CODE}|{_LINK}", link, readme, flags=re.DOTALL | re.MULTILINE)
    return shown if repository else f"{shown}\nThe pages that are named here come with the source distribution.\n"


if __name__ == "__main__":
    from setuptools import Distribution, setup

    readme = Path("README.md").read_text(encoding="utf-8")
    project = Distribution({"long_description": readme})
    project.parse_config_files()  # pyproject.toml; tomllib is no part of Python 3.10
    repository = (project.metadata.project_urls or {}).get("Repository")
    setup(
        long_description=long_description(readme, repository),
        long_description_content_type="text/markdown",
    )
