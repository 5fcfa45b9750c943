//! Every relative link in a Markdown file leads to a file, and to a heading if it names one.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::{Sources, Violation};
use crate::workspace::Workspace;

pub(super) fn check(workspace: &Workspace, sources: &Sources) -> Vec<Violation> {
    dead_links(sources, |path| workspace.path(path).exists())
}

fn dead_links(sources: &Sources, exists: impl Fn(&Path) -> bool) -> Vec<Violation> {
    let pages: BTreeMap<&Path, Page> = sources
        .with_extension("md")
        .map(|source| (source.path.as_path(), Page::read(&source.text)))
        .collect();
    let mut violations = Vec::new();
    for (path, page) in &pages {
        for link in &page.links {
            if let Some((what, hint)) = fault(path, &link.to, &pages, &exists) {
                violations.push(Violation::new(path, link.line, what, hint));
            }
        }
    }
    violations
}

/// What a link leads to, and what leads to its headings.
struct Page {
    links: Vec<Link>,
    anchors: Vec<String>,
}

struct Link {
    to: String,
    line: usize,
}

impl Page {
    fn read(text: &str) -> Self {
        let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES;
        let line_of = |range: &Range<usize>| text[..range.start].matches('\n').count() + 1;
        let mut page = Self {
            links: Vec::new(),
            anchors: Vec::new(),
        };
        let mut heading: Option<String> = None;
        for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(Link {
                        to: dest_url.into_string(),
                        line: line_of(&range),
                    });
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    page.anchors
                        .extend(heading.take().map(|heading| anchor(&heading)));
                }
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                _ => {}
            }
        }
        page
    }
}

/// The anchor that GitHub makes of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn fault(
    page: &Path,
    link: &str,
    pages: &BTreeMap<&Path, Page>,
    exists: impl Fn(&Path) -> bool,
) -> Option<(String, &'static str)> {
    if has_scheme(link) {
        return None;
    }
    let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
    if file.starts_with('/') {
        return Some((
            format!("link to `{file}` is absolute"),
            "write it relative to the file that it stands in",
        ));
    }
    let Some(target) = resolve(page, file) else {
        return Some((
            format!("link to `{file}` leaves the repository"),
            "readers have only this repository: say what it says, or give an address",
        ));
    };
    if !exists(&target) {
        return Some((
            format!("link to `{file}`, which is not there"),
            "give the path of the file relative to the file that the link stands in",
        ));
    }
    let found = pages.get(target.as_path())?;
    let missing = !fragment.is_empty() && !found.anchors.iter().any(|anchor| anchor == fragment);
    missing.then(|| {
        (
            format!(
                "link to the heading `#{fragment}`, which {} does not have",
                target.display()
            ),
            "an anchor is the heading in small letters with hyphens for spaces",
        )
    })
}

/// `https:`, `mailto:` and so on.
fn has_scheme(link: &str) -> bool {
    link.split_once(':').is_some_and(|(scheme, _)| {
        !scheme.is_empty()
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    })
}

/// The file that a link means, relative to the root; nothing if that is outside.
fn resolve(page: &Path, file: &str) -> Option<PathBuf> {
    if file.is_empty() {
        return Some(page.to_path_buf());
    }
    let mut target = page.parent().map(Path::to_path_buf).unwrap_or_default();
    for part in Path::new(file).components() {
        match part {
            Component::Normal(name) => target.push(name),
            Component::ParentDir if !target.pop() => return None,
            _ => {}
        }
    }
    Some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(files: &[(&str, &str)]) -> Vec<String> {
        let exists = |path: &Path| {
            files
                .iter()
                .any(|(file, _)| Path::new(file) == path || Path::new(file).starts_with(path))
        };
        let violations = dead_links(&Sources::of(files), exists);
        violations.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn links_that_lead_somewhere_are_fine() {
        let readme = "# Top\n[a](docs/a.md) [b](docs/a.md#why-not-wasi) [c](#top) ![d](docs) \
                      [e](https://example.org/x) [f](mailto:a@example.org)\n\n[ref]: docs/a.md\n[g][ref]";
        let page = "## Why *not* `WASI`?\n[up](../README.md#top)";
        assert_eq!(
            faults(&[("README.md", readme), ("docs/a.md", page)]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn links_that_lead_nowhere_are_named_with_their_line() {
        for (link, what) in [
            ("docs/b.md", "link to `docs/b.md`, which is not there"),
            (
                "#nowhere",
                "link to the heading `#nowhere`, which README.md does not have",
            ),
            ("/README.md", "link to `/README.md` is absolute"),
            (
                "../other/README.md",
                "link to `../other/README.md` leaves the repository",
            ),
        ] {
            let found = faults(&[("README.md", &format!("# Top\n\ntext\n[a]({link})\n"))]);
            assert_eq!(found.len(), 1, "{link}");
            assert!(
                found[0].starts_with(&format!("README.md:4: {what}")),
                "{found:?}"
            );
        }
    }

    #[test]
    fn what_only_looks_like_a_link_is_left_alone() {
        assert_eq!(
            faults(&[("a.md", "`[a](b.md)`\n\n```\n[a](b.md)\n```\n")]),
            Vec::<String>::new()
        );
    }
}
