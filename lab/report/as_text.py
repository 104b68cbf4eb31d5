"""Every report as text, from one place."""

from lab.report.explanation_text import explanation
from lab.report.plan_text import plan, plan_difference
from lab.report.prediction_text import prediction
from lab.report.running_text import status
from lab.report.tables_text import table
from lab.report.verdicts_text import report

__all__ = ["explanation", "plan", "plan_difference", "prediction", "report", "status", "table"]
