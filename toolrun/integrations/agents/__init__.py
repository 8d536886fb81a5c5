"""How does an Agent of the OpenAI Agents SDK get toolrun's guarantees? Needs `toolrun[agents]`.

    async with Runtime(base_url="http://localhost:8000/v1") as runtime:
        agent = Agent(
            name="Weather",
            model=ToolrunModel(runtime),
            tools=function_tools([get_weather], runtime),
        )
        result = await Runner.run(agent, "How warm is Paris?")

The SDK keeps its loop, handoffs, guardrails and tracing. toolrun samples the steps, so that the
reasoning goes back to the model and malformed output is sampled again, and runs the tools, in its
sandbox, with arguments that were checked.
"""

from toolrun.extras import need

need("agents", "agents", "toolrun.integrations.agents")

from toolrun.integrations.agents.model import ToolrunModel, ToolrunProvider  # noqa: E402 - behind the check
from toolrun.integrations.agents.tools import function_tools  # noqa: E402 - behind the check

__all__ = ["ToolrunModel", "ToolrunProvider", "function_tools"]
