"""Where a path of a container is on the host, and what the servers say."""

import pytest

from dbserver.adoption.found import count, on_host
from tests.unit.dbserver.adoption.installed import container, redis

INNER = "/var/lib/postgresql/data"


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (INNER, "/srv/pg"),
        (f"{INNER}/pgdata", "/srv/pg/pgdata"),
        (f"{INNER}/volume/x", ""),
        ("/var/lib/postgresql", ""),
        ("/var/lib/postgresql/database", ""),
    ],
)
def test_a_path_is_where_its_nearest_mount_is_and_a_volume_is_nowhere(path: str, place: str) -> None:
    binds = {INNER: "/srv/pg"}
    mounts = {**binds, f"{INNER}/volume": "/var/lib/docker/volumes/x/_data"}
    assert on_host(container("postgres", "", 1, mounts=mounts, binds=binds), path) == place


def test_the_keys_of_each_database_are_counted() -> None:
    assert redis(info={"db0": "keys=3,expires=1,avg_ttl=0", "db_size": "7"}).keys == {"db0": 3}
    assert count("") == 0
