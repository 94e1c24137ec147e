"""Who loads which part of a dump, by its list."""

from dbserver.backups.entries import ADMINISTRATOR, LOADER, TOGETHER, Part, chosen, owners, parts

LIST = {
    "1; 2615 1 SCHEMA - public shop": "shop",
    "2; 0 0 ACL - SCHEMA public shop": "shop",
    "3; 1255 1 FUNCTION public harm() shop": "shop",
    "4; 1259 1 TABLE public item shop": "shop",
    "5; 0 0 ACL public TABLE item shop": "shop",
    "6; 1259 2 TABLE public lure pg_database_owner": "pg_database_owner",
    "7; 1259 3 TABLE public audit dbadmin": "dbadmin",
    "8; 2605 1 CAST - CAST (public.a AS public.b) ": "",
    "9; 0 1 TABLE DATA public item shop": "shop",
    "10; 0 2 TABLE DATA public audit dbadmin": "dbadmin",
    "17; 0 5 BLOB METADATA - 4711 shop": "shop",
    "11; 0 3 BLOBS - BLOBS ": "",
    "12; 2606 1 CHECK CONSTRAINT public audit whole dbadmin": "dbadmin",
    "13; 3381 1 STATISTICS public more shop": "shop",
    "14; 1259 5 INDEX public item_n shop": "shop",
    "15; 3466 1 EVENT TRIGGER - watching dbadmin": "dbadmin",
    "16; 0 4 MATERIALIZED VIEW DATA public seen dbadmin": "dbadmin",
}


def told(found: tuple[Part, ...]) -> list[tuple[str, list[int]]]:
    return [(part.who, [int(entry.partition(";")[0]) for entry in part.entries]) for part in found]


def test_each_owner_s_part_is_its_own_and_what_holds_code_is_never_the_administrator_s() -> None:
    found = parts(LIST, {"dbadmin"}, "shop")
    assert told(found.schemas) == [(ADMINISTRATOR, [1, 2])]
    assert told(found.before) == [("shop", [3, 4]), ("pg_database_owner", [6]), (ADMINISTRATOR, [7, 8, 12])]
    assert told(found.rows) == [(ADMINISTRATOR, [17, 11]), (LOADER, [10]), ("shop", [9])]
    assert told(found.after) == [(ADMINISTRATOR, [5]), (TOGETHER, [13]), ("shop", [14])]
    assert told(found.views) == [(LOADER, [16])]
    assert told(found.last) == [(ADMINISTRATOR, [15])]


def test_what_names_no_owner_and_may_hold_code_is_not_the_administrator_s() -> None:
    assert told(parts({"1; 0 0 NEWER public thing ": ""}, {"dbadmin"}, "shop").before) == [("shop", [1])]
    assert told(parts({"1; 0 0 NEWER public thing ": ""}, {"dbadmin"}, "dbadmin").before) == [(LOADER, [1])]


def test_a_name_cannot_make_an_entry_another_kind() -> None:
    entry = "1; 1259 1 TABLE public EVENT TRIGGER - x dbadmin shop"
    assert told(parts({entry: "shop"}, {"dbadmin"}, "shop").before) == [("shop", [1])]


def test_a_subscription_is_not_brought_back() -> None:
    kept = ["1; 0 0 TABLE public item shop"]
    lines = [";", "; Archive created at", *kept, "2; 6100 1 SUBSCRIPTION - feed dbadmin",
             "3; 0 0 COMMENT - SUBSCRIPTION feed dbadmin"]  # fmt: skip
    assert chosen(lines) == kept


def test_an_owner_is_the_longest_role_that_fits_and_of_one_that_is_gone_the_last_word() -> None:
    lines = [f"1; 0 0 TABLE public item {owner}" for owner in ("evil dbadmin", "dbadmin", "", "gone")]
    assert list(owners(lines, ["dbadmin", "evil dbadmin"]).values()) == ["evil dbadmin", "dbadmin", "", "gone"]
