//! What an image is called: its registry, its repository, its tag and its digest, of which some may be filled in later.

use super::text::Text;

/// The repository of an image, without registry of Docker Hub, tag and digest, which may be filled in later.
pub(super) fn repository(image: &Text) -> Option<&str> {
    let repository = match image.known() {
        Some(known) => return Some(repository_of(known)),
        None => repository_of(&image.raw[..tag_at(&image.raw)]),
    };
    (!repository.contains('$') && !repository.is_empty()).then_some(repository)
}

/// The last segment of an image's name, where nothing of it is filled in, whatever registry it is from.
pub(super) fn last_segment(image: &Text) -> Option<&str> {
    let name = &image.raw[..tag_at(&image.raw)];
    let segment = name.rsplit('/').next()?;
    (!segment.contains(['$', '{', '}'])).then_some(segment)
}

/// Where the tag or the digest of an image begins, which is behind the last `/` that belongs to no variable.
fn tag_at(image: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = image.len();
    for (index, character) in image.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '/' if depth == 0 => at = image.len(),
            ':' | '@' if depth == 0 && at == image.len() => at = index,
            _ => {}
        }
    }
    at
}

pub(super) fn repository_of(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    let name_at = image.rfind('/').map_or(0, |slash| slash + 1);
    let end = image[name_at..].find(':').map_or(image.len(), |colon| name_at + colon);
    let image = &image[..end];
    let image = image.strip_prefix("docker.io/").unwrap_or(image);
    image.strip_prefix("library/").unwrap_or(image)
}

#[cfg(test)]
mod tests {
    use super::super::text::Dialect;
    use super::super::yaml::Mark;
    use super::*;

    #[test]
    fn an_image_is_known_by_its_repository() {
        let of = |image: &str| {
            let text = Text::new(image, Mark { line: 1, column: 1 }, Dialect::Compose);
            repository(&text).map(str::to_owned)
        };
        assert_eq!(of("docker.io/library/redis:7@sha256:ab").as_deref(), Some("redis"));
        assert_eq!(of("localhost:5000/x/kz:1").as_deref(), Some("localhost:5000/x/kz"));
        assert_eq!(of("localhost:5000/kz").as_deref(), Some("localhost:5000/kz"));
        assert_eq!(of("${IMAGE}"), None);
        assert_eq!(of("postgres:${TAG:-16}").as_deref(), Some("postgres"));
        assert_eq!(of("localhost:5000/kz@${DIGEST}").as_deref(), Some("localhost:5000/kz"));
        assert_eq!(of("postgres${VARIANT}:16"), None);
        assert_eq!(of("${REGISTRY:-a/b}/kz:${TAG}"), None);
        let last = |image: &str| {
            let text = Text::new(image, Mark { line: 1, column: 1 }, Dialect::Compose);
            last_segment(&text).map(str::to_owned)
        };
        assert_eq!(last("${REGISTRY:-a/b}/kz:${TAG}").as_deref(), Some("kz"));
        assert_eq!(last("x/${NAME:-kz}"), None);
    }
}
