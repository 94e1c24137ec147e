"""What a container may do, as a table and as options of `docker run`."""

from dbserver.docker.privileges import PRIVILEGES, Privileges


def test_a_throwaway_gets_what_its_server_gets() -> None:
    assert " ".join(PRIVILEGES["postgres"].besides("/var/run/postgresql").options()) == (
        "--cap-drop ALL --cap-add CAP_CHOWN --cap-add CAP_DAC_OVERRIDE --cap-add CAP_FOWNER --cap-add CAP_SETGID"
        " --cap-add CAP_SETUID --security-opt no-new-privileges:true --read-only --ulimit core=0"
        " --tmpfs /root:mode=0700,size=1m --tmpfs /tmp:mode=1777,size=64m --tmpfs /var/run/postgresql:mode=1777"
    )


def test_what_is_not_restricted_has_no_option() -> None:
    assert Privileges((), (), (), read_only=False, core=None).options() == []


def test_only_who_has_to_become_another_user_has_a_capability() -> None:
    assert PRIVILEGES["archive"].capabilities == ()
    assert set(PRIVILEGES["redis"].capabilities) - set(PRIVILEGES["postgres"].capabilities) == {"CAP_SETPCAP"}


def test_the_names_are_in_the_order_in_which_a_container_is_read() -> None:
    for allowed in PRIVILEGES.values():
        assert list(allowed.capabilities) == sorted(allowed.capabilities)
