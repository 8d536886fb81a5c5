"""Will this server do for toolrun, and what would mend it where it won't?"""

from __future__ import annotations

from toolrun.models.doctor.examination import CHECKS, examine
from toolrun.models.doctor.report import Check, Finding, Report, Verdict
from toolrun.models.ways import Server

__all__ = ["CHECKS", "Check", "Finding", "Report", "Server", "Verdict", "examine"]
