"""Which colours of each application are connected."""

from pipeline.colours import lines


def client(application: str, colour: str) -> dict[str, str]:
    return {"application": application, "colour": colour}


def test_each_application_is_named_with_the_colours_that_are_connected() -> None:
    clients = [client("shop", "green"), client("shop", "blue"), client("shop", "green"), client("blog", "blue")]
    said = {"applications": [{"name": "shop"}, {"name": "blog"}], "clients": clients}
    assert lines(said) == ["blog blue", "shop blue+green"]


def test_without_a_coloured_container_the_colour_is_none() -> None:
    assert lines({"applications": [{"name": "shop"}], "clients": [client("shop", ""), client("", "blue")]}) == [
        "shop none"
    ]


def test_what_list_says_has_no_clients() -> None:
    assert lines({"applications": [{"name": "shop"}]}) == ["shop none"]
    assert lines({"applications": []}) == []
