"""Ask basedpyright whether all types that the package exports are known. Run: ``python -m test.exported_types``."""

import json
import subprocess
import sys

UNTYPED = ("thirdwatch_api.contrib.django.",)
"""Whose base classes come from a framework without types."""


def main() -> int:
    """Print each exported name whose type is unknown, and return how many there are."""
    command = ["basedpyright", "--pythonpath", sys.executable, "--verifytypes", "thirdwatch_api", "--ignoreexternal"]
    run = subprocess.run([*command, "--outputjson"], check=False, stdout=subprocess.PIPE)
    symbols = json.loads(run.stdout)["typeCompleteness"]["symbols"]
    exported = [each for each in symbols if each["isExported"] and not each["name"].startswith(UNTYPED)]
    unknown = [each for each in exported if not each["isTypeKnown"] or each["isTypeAmbiguous"]]
    for each in unknown:
        print(each["name"], *(diagnostic["message"] for diagnostic in each["diagnostics"]), sep="\n    ")
    print(f"{len(exported)} exported names, {len(unknown)} with an unknown type")
    return len(unknown) if len(exported) > 500 else 1


if __name__ == "__main__":
    sys.exit(main())
