"""Write every sample document into the folder that is given."""

import sys
from pathlib import Path

from tools.samples.catalogue import documents

if __name__ == "__main__":
    target = Path(sys.argv[1])
    for name, data in documents().items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        print(f"{len(data):>8,}  {path}")
