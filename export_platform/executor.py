"""How the step of a run is executed: in the run's own process, and nothing is said about that."""

from collections.abc import Iterator

import dagster as dg
from dagster._core.execution.api import ExecuteRunWithPlanIterable
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.context_creation_job import PlanExecutionContextManager
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.in_process import InProcessExecutor, inprocess_execution_iterator


class _InTheRun(InProcessExecutor):
    """Dagster's own, but for two events that say that and how long it executes steps.

    Each run has one step, whose events say the same. To keep the two took a twentieth of a small
    run, and to find three times that nobody configures the executor another hundredth.
    """

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        """The events of the steps."""
        context = PlanExecutionContextManager(
            job=plan_context.job,
            retry_mode=plan_context.retry_mode,
            execution_plan=execution_plan,
            run_config=plan_context.run_config,
            dagster_run=plan_context.dagster_run,
            instance=plan_context.instance,
            raise_on_error=plan_context.raise_on_error,
            output_capture=plan_context.output_capture,
            step_dependency_config=self.step_dependency_config,
        )
        return iter(
            ExecuteRunWithPlanIterable(execution_plan, inprocess_execution_iterator, context)
        )


@dg.executor(name="in_process")
def in_the_run(_: dg.InitExecutorContext) -> dg.Executor:
    """A process a step costs 1.5 to 3 s and an export is one step (DAGSTER.md)."""
    return _InTheRun(retries=RetryMode.ENABLED)
