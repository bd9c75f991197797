"""Teams of a Firestore export, a row each.

A plugin is two classes and a function: what is read of a document, what is written to a table, and how one becomes the other. It runs in a
sandbox, and sees the fields that it asks for and nothing else.
"""

from gristmill import Context, Input, Micros, Rejection, Row, capture, column, field, plugin


class Team(Input, documents="teams/{team}"):
    """What is read. The pattern says which documents are taken: `{team}` stands for any one segment of the path. Other documents of the export
    do not come here."""

    team: str = capture()
    # A field that is not `| None` is required. A document without it, or with another type in its place, is refused before it comes here.
    name: str
    # This one may be missing or null.
    plan: str | None
    # The field has another name in the document. A path such as `contact.email` leads into a map. Micros are microseconds since 1970;
    # `datetime` is a timestamp, too, and takes a little longer.
    created_at: Micros | None = field("createdAt")


# The text below the class is the table's description, and each column has its own: `gristmill plugin inspect` shows them. `key` names the
# columns in which two rows agree when they are the same row, so that loading twice changes nothing.
class TeamRow(Row, table="teams", key="team"):
    """Teams with their plans."""

    team: str = column("The team's id.")
    name: str = column("What people call it.")
    plan: str | None = column("What it pays for.")
    created_at: Micros | None = column("When it was made.")


@plugin(name="{{name}}", version="0.1.0", summary="Teams, a row each.")
def map_team(team: Team, context: Context[None]) -> TeamRow:
    """Makes a row of a document. A `Rejection` that is raised is a document that is refused: it goes to the dead letters with the code, the
    message and the input at fault, and the others go on. A mapping that leaves documents out on purpose returns `None` for them."""
    name = team.name.strip()
    if not name:
        raise Rejection("name-empty", "a team has a name; give it one", input="name")
    return TeamRow(team=team.team, name=name, plan=team.plan, created_at=team.created_at)
