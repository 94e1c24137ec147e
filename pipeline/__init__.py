"""The steps of deploy pipelines, the same for GitHub and GitLab: each calls verbs and decides nothing."""
