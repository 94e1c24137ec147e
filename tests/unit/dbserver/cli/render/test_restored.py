"""What a restore says about what it will lose, and has lost."""

from dbserver.cli.render import backups as render_backups
from dbserver.results.backups import Restored, RolledBack

DONE = Restored("dev", "shop", "shop_1", "shop", "shop__old_1", 0.01, 2.0, 7, ())


def test_a_restore_never_calls_unknown_losses_none() -> None:
    said = render_backups.plan("shop_1", (), exists=True, unknown="could not open file")
    assert said.endswith("what will be lost is not known, the live rows cannot be counted: could not open file")
    assert "as many rows" in render_backups.plan("shop_1", (), exists=True)


def test_what_cannot_be_counted_after_the_swap_is_said_with_the_way_back() -> None:
    lines = render_backups.restored(Restored(**{**vars(DONE), "unknown": "could not open file"})).splitlines()
    assert lines[-2].endswith("its rows cannot be counted: could not open file")
    assert lines[-1].startswith("kept: shop__old_1")
    assert not any("cannot be counted" in line for line in render_backups.restored(DONE).splitlines())


def test_the_time_of_the_swap_is_called_what_it_is() -> None:
    done = RolledBack("dev", "shop", "shop_data", "shop_data__old_x", 0.013)
    line = "the swap let nobody into the database for {} ms; who connects again is in it after that"
    assert render_backups.restored(DONE).splitlines()[1] == line.format(10)
    assert render_backups.rolled_back(done).splitlines()[1] == line.format(13)
