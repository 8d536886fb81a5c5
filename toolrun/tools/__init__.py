"""What may the model call, does this call fit, and who runs it?"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from toolrun.tools.definition import Tool as Tool
    from toolrun.tools.definition import Toolset as Toolset
    from toolrun.tools.manifest import load_manifest as load_manifest
    from toolrun.tools.threads import abandoned_threads as abandoned_threads

    __all__: list[str]
else:
    from toolrun.exports import offered

    __all__, __getattr__, __dir__ = offered(
        __name__,
        {
            "toolrun.tools.definition": ("Tool", "Toolset"),
            "toolrun.tools.manifest": ("load_manifest",),
            "toolrun.tools.threads": ("abandoned_threads",),
        },
    )
