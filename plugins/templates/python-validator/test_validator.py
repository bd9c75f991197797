"""The rules are a plain function, so they are tested without a sandbox."""

import unittest

from gristmill import Context, Micros, Verdict
from validator import Team, judge


def broken(plan: str | None, created_at: Micros | None = None) -> list[str]:
    """The rules that a team breaks in a run of 1970."""
    verdict = Verdict()
    judge(Team(plan=plan, created_at=created_at), Context(None), verdict)
    return [rule for _, rule, *_ in verdict.found]


class Rules(unittest.TestCase):
    def test_a_team_has_a_plan_that_there_is(self) -> None:
        self.assertEqual(broken("pro"), [])
        self.assertEqual(broken(None), ["plan-missing"])
        self.assertEqual(broken("gold", Micros(1)), ["plan-unknown", "created-later"])


if __name__ == "__main__":
    unittest.main()
