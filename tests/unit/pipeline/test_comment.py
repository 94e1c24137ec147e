"""What a comment needs before anything is asked; the rest is in tests/integration/servers/test_comment.py."""

from pathlib import Path

import pytest

from pipeline.comment import github, main

GIVEN = {
    "GITHUB_API_URL": "https://api.example",
    "GITHUB_REPOSITORY": "shop/server",
    "PULL_REQUEST": "7",
    "GITHUB_TOKEN": "hidden-token",
}


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "preview.md"
    path.write_text("<!-- a mark -->\ntext\n")
    return str(path)


@pytest.mark.parametrize("name", sorted(GIVEN))
def test_a_variable_that_is_not_set_is_named(name: str, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([file], {**GIVEN, name: ""}) == 2
    assert f"error: not set: {name}\nHINT: " in capsys.readouterr().err


def test_gitlab_has_variables_of_its_own(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([file], {"GITLAB_CI": "true", **GIVEN}) == 2
    assert "not set: CI_API_V4_URL, CI_PROJECT_ID, CI_MERGE_REQUEST_IID, GITLAB_TOKEN" in capsys.readouterr().err


def test_a_file_without_a_mark_could_not_be_found_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.md").write_text("text\n")
    assert main([str(tmp_path / "x.md")], GIVEN) == 2
    assert "the file's first line is no mark" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "absent.md")], GIVEN) == 1
    assert "absent.md" in capsys.readouterr().err


def test_one_file_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], GIVEN) == 2
    assert "pipeline/comment FILE" in capsys.readouterr().err


def test_the_api_is_asked_over_http_alone(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([file], {**GIVEN, "GITHUB_API_URL": "file:///etc"}) == 2
    assert "is no address of an API" in capsys.readouterr().err


def test_the_token_is_in_no_address() -> None:
    forge = github(GIVEN)
    assert "hidden-token" not in forge.comments + forge.one
    assert forge.comments == "https://api.example/repos/shop/server/issues/7/comments"
