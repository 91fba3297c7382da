"""Options of the commands that run a model."""

from typing import Annotated

import typer

Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help="Hub id, folder, GGUF file or `bundled`; else the namespace's own.  [env: KVPREP_MODEL]",
    ),
]
Device = Annotated[
    str | None, typer.Option("--device", metavar="KIND", help="auto, cpu, cuda or mps.  [env: KVPREP_DEVICE]")
]
Dtype = Annotated[
    str | None,
    typer.Option("--dtype", metavar="TYPE", help="auto, bfloat16, float16 or float32.  [env: KVPREP_DTYPE]"),
]
