"""The mapping is a plain function, so it is tested without a sandbox."""

import unittest

from gristmill import Context, Rejection
from plugin import Team, map_team


class Mapping(unittest.TestCase):
    def test_a_team_has_a_name(self) -> None:
        context = Context(None)
        team = Team(team="t", name=" Team 1 ", plan=None, created_at=None)
        self.assertEqual(map_team(team, context).name, "Team 1")
        with self.assertRaises(Rejection) as refused:
            map_team(Team(team="t", name="  ", plan=None, created_at=None), context)
        self.assertEqual(refused.exception.code, "name-empty")


if __name__ == "__main__":
    unittest.main()
