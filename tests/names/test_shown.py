"""How models and projects are called where people read."""

from __future__ import annotations

import pytest

from ccusage_import.names.shown import (
    means_model,
    means_project,
    model_name,
    model_names,
    project_name,
    project_names,
)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("claude-sonnet-4-5-20250929", "Sonnet 4.5"),
        ("claude-haiku-4-5-20251001", "Haiku 4.5"),
        ("claude-opus-4-1-20250805", "Opus 4.1"),
        ("claude-opus-4-20250514", "Opus 4"),
        ("claude-opus-4-6", "Opus 4.6"),
        ("claude-sonnet-4-5", "Sonnet 4.5"),
        ("claude-sonnet-4", "Sonnet 4"),
        ("claude-3-5-sonnet-20241022", "Sonnet 3.5"),
        ("claude-3-7-sonnet-latest", "Sonnet 3.7"),
        ("claude-3-opus-20240229", "Opus 3"),
        ("claude-3.5-haiku", "Haiku 3.5"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "Sonnet 4.5"),
        ("global.anthropic.claude-haiku-4-5-20251001-v1:0", "Haiku 4.5"),
        ("anthropic.claude-3-5-sonnet-20241022-v2:0", "Sonnet 3.5"),
        ("claude-opus-4-1@20250805", "Opus 4.1"),
        ("anthropic/claude-sonnet-4.5", "Sonnet 4.5"),
        ("openrouter/anthropic/claude-3.5-sonnet", "Sonnet 3.5"),
        ("claude-sonnet-4-5-20250929[1m]", "Sonnet 4.5 [1m]"),
        ("[pi] claude-opus-4-5-20251101", "[pi] Opus 4.5"),
        ("[pi] gpt-5-codex", "[pi] gpt-5-codex"),
        ("gpt-5-codex", "gpt-5-codex"),
        ("<synthetic>", "<synthetic>"),
        ("claude-2.1", "claude-2.1"),
        ("claude-instant-1.2", "claude-instant-1.2"),
        ("claude-opus-4-6-fast", "claude-opus-4-6-fast"),
        ("claude-sonnet-4-5-2025", "claude-sonnet-4-5-2025"),
        ("my-claude-sonnet-4-5", "my-claude-sonnet-4-5"),
        ("", ""),
    ],
)
def test_a_model_is_called_as_people_call_it(model: str, name: str) -> None:
    assert model_name(model) == name


def test_two_models_are_never_called_the_same() -> None:
    named = model_names(["claude-sonnet-4-5", "claude-sonnet-4-5-20250929", "claude-opus-4-6", "gpt-5", "gpt-5"])

    assert named == {
        "claude-sonnet-4-5": "claude-sonnet-4-5",
        "claude-sonnet-4-5-20250929": "claude-sonnet-4-5-20250929",
        "claude-opus-4-6": "Opus 4.6",
        "gpt-5": "gpt-5",
    }


@pytest.mark.parametrize(
    ("project", "name"),
    [
        ("-home-ana-web-shop", "web-shop"),
        ("-Users-ana-web-shop", "web-shop"),
        ("-home-ana-src-web-shop", "web-shop"),
        ("-Users-ana-Documents-GitHub-web-shop", "web-shop"),
        ("-home-ana-projects-work-web-shop", "work-web-shop"),
        ("-home-ana-project-1", "project-1"),
        ("-home-ana-code-review", "code-review"),
        ("-root-web-shop", "web-shop"),
        ("-workspaces-web-shop", "web-shop"),
        ("C--Users-ana-web-shop", "web-shop"),
        ("-mnt-c-Users-ana-web-shop", "web-shop"),
        ("/home/ana/web-shop", "web-shop"),
        ("/home/ana/web-shop/", "web-shop"),
        ("-home-ana-src", "src"),
        ("-home-ana", "-home-ana"),
        ("-home-ana--config", "-home-ana--config"),
        ("-srv-web-shop", "-srv-web-shop"),
        ("src-web-shop", "src-web-shop"),
        ("web-shop", "web-shop"),
        ("/", "/"),
        ("unknown", "unknown"),
        ("9f86d081884c7d659a2feaa0c55ad015", "9f86d081884c7d659a2feaa0c55ad015"),
        ("", ""),
    ],
)
def test_a_project_is_called_by_the_end_of_its_path(project: str, name: str) -> None:
    assert project_name(project) == name


def test_projects_of_one_name_get_as_much_more_of_the_path_as_they_need() -> None:
    named = project_names(
        ["-home-ana-src-shop", "-home-ana-repos-shop", "-home-ana-blog", "-home-bob-blog", "-home-ana-api", "blog"]
    )

    assert named == {
        "-home-ana-src-shop": "src-shop",
        "-home-ana-repos-shop": "repos-shop",
        "-home-ana-blog": "-home-ana-blog",
        "-home-bob-blog": "-home-bob-blog",
        "-home-ana-api": "api",
        "blog": "blog",
    }


@pytest.mark.parametrize(
    ("said", "model", "is_meant"),
    [
        ("Sonnet 4.5", "claude-sonnet-4-5-20250929", True),
        ("sonnet 4.5", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", True),
        ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929", True),
        ("Sonnet", "claude-3-5-sonnet-20241022", True),
        ("sonnet", "[pi] claude-sonnet-4-5-20250929", True),
        ("Sonnet 4.5", "[pi] claude-sonnet-4-5-20250929", True),
        ("Sonnet 4", "claude-sonnet-4-5-20250929", False),
        ("Opus", "claude-sonnet-4-5-20250929", False),
        ("claude-sonnet-4-5-20250930", "claude-sonnet-4-5-20250929", False),
        ("gpt", "gpt-5-codex", False),
        ("", "", False),
    ],
)
def test_which_models_are_meant(said: str, model: str, is_meant: bool) -> None:  # noqa: FBT001
    assert means_model(said, model) is is_meant


@pytest.mark.parametrize(
    ("said", "project", "is_meant"),
    [
        ("web-shop", "-home-ana-web-shop", True),
        ("Web-Shop", "-Users-bea-src-web-shop", True),
        ("src-web-shop", "-Users-bea-src-web-shop", True),
        ("shop", "-home-ana-web-shop", False),
        ("web-shop", "-srv-web-shop", False),
    ],
)
def test_which_projects_are_meant(said: str, project: str, is_meant: bool) -> None:  # noqa: FBT001
    assert means_project(said, project) is is_meant
