"""An Airflow DAG that executes the workbook's notebooks each working morning by Airflow's own PapermillOperator.

Set WORKBOOK to the workbook's folder, NOTEBOOKS to the notebooks of this project, and OUTPUT to where the executed
notebooks go. Each is as of the run's own moment, so that a run that is repeated a week later gives the same.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.providers.papermill.operators.papermill import PapermillOperator
from airflow.sdk import DAG

WORKBOOK = os.environ.get("WORKBOOK", "data")
NOTEBOOKS = Path(os.environ.get("NOTEBOOKS", "notebooks"))
OUTPUT = os.environ.get("OUTPUT", "reports/airflow")
# of dag_run: in a run that was triggered without a date, data_interval_end itself is not even defined
AS_OF = "{{ (dag_run.data_interval_end or dag_run.run_after).strftime('%Y-%m-%dT%H:%M:%SZ') }}"
DAY = "{{ (dag_run.data_interval_end or dag_run.run_after).strftime('%Y-%m-%d') }}"

with DAG(
    "incident_reports",
    schedule="0 7 * * Mon-Fri",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5), "execution_timeout": timedelta(minutes=30)},
    doc_md=__doc__,
) as dag:
    for name in ("timeliness", "follow_up"):
        PapermillOperator(
            task_id=name,
            input_nb=str(NOTEBOOKS / f"{name}.ipynb"),
            output_nb=f"{OUTPUT}/{name}-{DAY}.ipynb",
            parameters={"data": WORKBOOK, "as_of": AS_OF},
            kernel_name="python3",
        )
