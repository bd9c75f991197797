import unittest
from typing import Any

from gristmill import (
    Columns,
    Config,
    Context,
    Input,
    Json,
    Micros,
    Rejection,
    Row,
    RowColumns,
    Rows,
    Struct,
    Verdict,
    capture,
    column,
    field,
    log,
    setting,
)
from gristmill.plugin import Plugin, Validator

from . import wit


class Settings(Config):
    most_points: int = setting(10, "The most.")
    word: str = setting(description="Must be given.")


class Player(Input, documents="players/{player}"):
    player: str = capture()
    points: int | None = field("score.points")


class PlayerRow(Row, table="players", key="player"):
    """Players."""

    player: str
    points: int | None = column(name="Points")


class PointRow(Row, table="points", key=["player", "index"]):
    player: str
    index: int


def batch(players: list[str], points: list[int | None]) -> wit.Batch:
    bits = sum(1 << index for index, each in enumerate(points) if each is not None)
    array = wit.Array(wit.Values_Int64s([each or 0 for each in points]), bits.to_bytes((len(points) + 7) // 8, "little"))
    return wit.batch(len(players), wit.strings(*players), array)


def made(function: Any, given: wit.Batch, config: str = '{"word":"w"}', check: Any = None) -> Any:
    plugin = Plugin(function, name="p", version="0.1.0", summary="", check=check)
    plugin.open(config, "run", 7)
    return plugin.transform(given, wit)


def texts(array: wit.Array) -> list[str]:
    offsets, data = array.values.value.offsets, array.values.value.data
    return [data[start:end].decode() for start, end in zip(offsets, offsets[1:])]


class Records(unittest.TestCase):
    def test_a_row_for_each(self) -> None:
        def map_player(player: Player, context: Context[None]) -> PlayerRow:
            return PlayerRow(player=player.player.upper(), points=player.points)

        [(count, arrays, indexes, origins)] = made(map_player, batch(["a", "b"], [1, None])).tables
        self.assertEqual((count, indexes, origins), (2, [0, 1], None))
        self.assertEqual(texts(arrays[0]), ["A", "B"])
        self.assertEqual((arrays[1].values.value, arrays[1].validity), ([1, 0], b"\x01"))

    def test_some_refused_and_some_left_out(self) -> None:
        def map_player(player: Player, context: Context[Settings]) -> PlayerRow | None:
            if player.points is None:
                return None
            if player.points > context.config.most_points:
                raise Rejection("too-many", "too many points", input="points")
            return PlayerRow(player=player.player, points=1 // player.points)

        output = made(map_player, batch(["a", "b", "c", "d", "e"], [1, None, 11, 0, 2]))
        [(count, _, _, origins)] = output.tables
        self.assertEqual((count, origins), (2, [0, 4]))
        refused, failed = output.rejections
        self.assertEqual(refused, (2, "too-many", "points", "too many points"))
        self.assertEqual(failed[:3], (3, "exception", None))
        self.assertIn("ZeroDivisionError", failed[3])
        self.assertIn("test_plugin.py, line ", failed[3])

    def test_rejections_that_cannot_be_told(self) -> None:
        def map_player(player: Player, context: Context[None]) -> PlayerRow:
            if player.player == "code":
                raise Rejection("Bad_Code", "it is bad")
            raise Rejection("bad", "it is bad", input="pionts")

        output = made(map_player, batch(["code", "input"], [1, 2]))
        (_, code, _, message), other = output.rejections
        self.assertEqual(code, "exception")
        self.assertIn("'Bad_Code'", message)
        self.assertEqual(other[:3], (1, "bad", None))
        self.assertIn("names an input 'pionts', which is not among player, points", other[3])

    def test_several_tables_and_all_or_nothing_of_a_record(self) -> None:
        class Other(Row, table="other"):
            x: int

        def map_player(player: Player, context: Context[None]) -> list[PlayerRow | PointRow]:
            points = [PointRow(player=player.player, index=i) for i in range(player.points or 0)]
            rows: list[Any] = [PlayerRow(player=player.player, points=player.points), *points]
            return [*rows, Other(x=1)] if player.player == "bad" else rows

        output = made(map_player, batch(["a", "bad", "b"], [2, 1, None]))
        (players, _, _, of_players), (points, arrays, _, of_points) = output.tables
        self.assertEqual((players, of_players), (2, [0, 2]))
        self.assertEqual((points, of_points, arrays[1].values.value), (2, [0, 0], [0, 1]))
        [(row, code, _, message)] = output.rejections
        self.assertEqual((row, code), (1, "exception"))
        self.assertIn("a Other is no row of this plugin", message)

    def test_nothing_at_all(self) -> None:
        def map_player(player: Player, context: Context[None]) -> PlayerRow | None:
            return None

        [(count, arrays, _, origins)] = made(map_player, batch(["a"], [1])).tables
        self.assertEqual((count, origins, texts(arrays[0])), (0, [], []))

    def test_a_value_of_another_type_names_the_record(self) -> None:
        def map_player(player: Player, context: Context[None]) -> PlayerRow:
            return PlayerRow(player=player.player, points="7" if player.player == "b" else 7)  # type: ignore[arg-type]

        with self.assertRaisesRegex(ValueError, "PlayerRow.points: '7' is of type str"):
            made(map_player, batch(["a", "b"], [1, 2]))

    def test_a_part_that_is_missing_refuses_the_record(self) -> None:
        class Item(Struct):
            name: str

        class Order(Input, documents="orders/{order}"):
            items: list[Item]

        def map_order(order: Order, context: Context[None]) -> PlayerRow:
            return PlayerRow(player=order.items[0].name, points=None)

        names = wit.strings("x", "", validity=b"\x01")
        lists = wit.Array(wit.Values_Lists(wit.NestedLists([0, 1, 2], 1)))
        given = wit.Batch(2, [lists, wit.Array(wit.Values_Structs(wit.StructFields(2, [2]))), names], [0])
        output = made(map_order, given)
        self.assertEqual([each[:3] for each in output.rejections], [(1, "missing-part", "items")])
        self.assertEqual(output.tables[0][3], [0])


class WholeColumns(unittest.TestCase):
    def test_what_is_handed_on_is_not_touched(self) -> None:
        def map_players(players: Columns[Player], context: Context[None]) -> Rows[PlayerRow]:
            return Rows(PlayerRow, player=players.player, points=players.points)

        given = batch(["a", "b"], [1, None])
        [(count, arrays, _, origins)] = made(map_players, given).tables
        self.assertEqual((count, origins), (2, None))
        self.assertTrue(all(mine is theirs for mine, theirs in zip(arrays, given.arrays)))

    def test_refused_records_take_their_rows_with_them(self) -> None:
        def map_players(players: Columns[Player], context: Context[None]) -> Rows[PlayerRow]:
            players.reject(1, Rejection("no", "not this one"))
            players.reject(1, Rejection("later", "the first counts"))
            return Rows(PlayerRow, player=[name * 2 for name in players.player], points=players.points)

        output = made(map_players, batch(["a", "b", "c"], [1, 2, 3]))
        [(count, arrays, _, origins)] = output.tables
        self.assertEqual((count, origins, texts(arrays[0])), (2, [0, 2], ["aa", "cc"]))
        self.assertEqual(output.rejections, [(1, "no", None, "not this one")])

    def test_several_tables_with_origins(self) -> None:
        def map_players(players: Columns[Player], context: Context[None]) -> tuple[Rows[PlayerRow], Rows[PointRow]]:
            players.reject(0, Rejection("no", "not this one"))
            return (
                Rows(PlayerRow, player=players.player, points=players.points),
                Rows(PointRow, [0, 1, 1], player=["x", "y", "z"], index=[0, 1, 2]),
            )

        players, points = made(map_players, batch(["a", "b"], [1, 2])).tables
        self.assertEqual((players[0], players[3]), (1, [1]))
        self.assertEqual((points[0], texts(points[1][0]), points[3]), (2, ["y", "z"], [1, 1]))

    def test_rows_of_one_table_come_once(self) -> None:
        def map_players(players: Columns[Player], context: Context[None]) -> list[Rows[PlayerRow]]:
            return [Rows(PlayerRow, [i], player=["a"], points=[1]) for i in range(2)]

        with self.assertRaisesRegex(TypeError, "Rows of PlayerRow twice"):
            made(map_players, batch(["a", "b"], [1, 2]))

    def test_columns_of_another_length_are_refused(self) -> None:
        def map_players(players: Columns[Player], context: Context[None]) -> Rows[PlayerRow]:
            return Rows(PlayerRow, player=["a"], points=players.points)

        with self.assertRaisesRegex(ValueError, "the column player of PlayerRow has 1 values, and there are 2 rows"):
            made(map_players, batch(["a", "b"], [1, 2]))
        with self.assertRaisesRegex(TypeError, "which is not given"):
            Rows(PlayerRow, player=["a"])
        with self.assertRaisesRegex(TypeError, "has no column 'x'"):
            Rows(PlayerRow, player=["a"], points=[1], x=[1])


class Declarations(unittest.TestCase):
    def test_settings_are_read_and_checked(self) -> None:
        seen = []

        def check(settings: Settings) -> None:
            seen.append((settings.most_points, settings.word))
            raise ValueError("not these")

        def map_player(player: Player, context: Context[Settings]) -> PlayerRow | None:
            return None

        with self.assertRaisesRegex(ValueError, "not these"):
            made(map_player, batch([], []), '{"most-points":3,"word":"w"}', check)
        self.assertEqual(seen, [(3, "w")])
        self.assertEqual([f.name for f in Settings._fields], ["most-points", "word"])
        self.assertEqual(Settings(word="w").most_points, 10)
        with self.assertRaises(TypeError):
            Settings()  # type: ignore[call-arg]

    def test_json_settings_are_text_given_or_not(self) -> None:
        class Limits(Config):
            limits: Json = setting(Json('{"a": 1}'), "Limits.")

        seen = []

        def map_player(player: Player, context: Context[Limits]) -> PlayerRow | None:
            seen.append(context.config.limits)
            return None

        for config in ["{}", '{"limits":{"a":1}}']:
            made(map_player, batch(["a"], [1]), config)
        self.assertEqual(seen, ['{"a": 1}', '{"a": 1}'])

    def test_mistakes_show_where_they_are_made(self) -> None:
        with self.assertRaisesRegex(TypeError, "Bad.x: .* is no type of a column"):

            class Bad(Input, documents="a/{b}"):
                x: set[int]

        with self.assertRaisesRegex(TypeError, "has no column 'id'"):

            class Keyless(Row, table="t", key="id"):
                x: int

        with self.assertRaisesRegex(TypeError, "x has no annotation"):

            class Unannotated(Row, table="t"):
                y: int
                x = column("what")

        with self.assertRaises(TypeError):
            PlayerRow(player="a")  # type: ignore[call-arg]

        def nothing(player: Player, context: Context[None]) -> int:
            return 1

        with self.assertRaisesRegex(TypeError, "names the classes of Row"):
            Plugin(nothing, name="p", version="0.1.0", summary="", check=None)

    def test_columns_may_have_names_that_tuples_use(self) -> None:
        row = PointRow(player="p", index=3)
        self.assertEqual((row.index, repr(row)), (3, "PointRow(player='p', index=3)"))

    def test_nobody_listens_outside_of_the_sandbox(self) -> None:
        log.warn("nothing happens")


class Validators(unittest.TestCase):
    def validator(self) -> Validator:
        class Read(RowColumns, table="players"):
            points: int | None = column(name="Points")

        def judge(row: Read, context: Context[None], verdict: Verdict) -> None:
            if row.points is None:
                verdict.warning("no-points", "there are none", column="Points")
            elif 1 // row.points < 0:
                verdict.error("negative", "below 0", column="Points")

        return Validator(judge, name="v", version="0.1.0", summary="", check=None)

    def test_rows_are_judged(self) -> None:
        validator = self.validator()
        self.assertEqual(validator.open("{}", "run", Micros(0), "players", {"Points": ("int64", False)}), ["Points"])
        given = wit.batch(4, wit.Array(wit.Values_Int64s([1, -1, 0, 0]), bytes([0b0111])))
        found = validator.validate(given)
        self.assertEqual([(row, rule, is_error) for row, rule, _, is_error, _ in found], [
            (1, "negative", True),
            (2, "exception", True),
            (3, "no-points", False),
        ])

    def test_only_a_table_that_fits_is_judged(self) -> None:
        validator = self.validator()
        self.assertEqual(validator.open("{}", "run", Micros(0), "others", {}), [])
        with self.assertRaisesRegex(ValueError, "no column `Points`"):
            validator.open("{}", "run", Micros(0), "players", {})
        with self.assertRaisesRegex(ValueError, "of another type"):
            validator.open("{}", "run", Micros(0), "players", {"Points": ("string", True)})


if __name__ == "__main__":
    unittest.main()
