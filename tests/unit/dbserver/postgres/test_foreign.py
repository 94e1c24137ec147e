"""What a file of elsewhere runs as."""

from dbserver.postgres import dump, foreign


def test_psql_runs_as_nobody_and_reads_its_input_alone() -> None:
    assert foreign.psql("pg", "dbserver-restore shop", "shop__r", "shop__r") == [
        "docker", "exec", "-i", "--user", "65534:65534", "--env", "PGAPPNAME=dbserver-restore shop", "--env", "HOME=/",
        "--env", "LC_ALL=C", "pg", *dump.FASTER, "psql", "-X", "-q",
        "-o", "/dev/null", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=terse", "-f", "-", "--no-password",
        "-U", "shop__r", "--dbname=dbname='shop__r'",
    ]  # fmt: skip


def test_the_role_that_runs_it_is_a_member_of_nothing() -> None:
    assert foreign.stranger("a") == 'CREATE ROLE "a" LOGIN;\nALTER DATABASE "a" OWNER TO "a";\n'


def test_the_schema_public_is_the_owner_s_where_the_file_left_one() -> None:
    assert foreign.give_public("shop") == (
        "SELECT 'ALTER SCHEMA public OWNER TO \"shop\"' FROM pg_namespace WHERE nspname = 'public' \\gexec\n"
    )


def test_what_it_made_is_the_owner_s_before_it_goes() -> None:
    assert foreign.hand_over("a", "shop") == 'REASSIGN OWNED BY "a" TO "shop";\nDROP OWNED BY "a";\n'
