//! What is known of images: kz's own, and the uids that vendors' images read their files as.
//!
//! Only what is certain is here. The official postgres and mysql images are not: their entrypoints read `*_FILE`
//! variables while they are still root, which reads every file, before they become uid 999.

use super::scene::{CommandLine, Unit};
use super::text::Text;

/// The uid that kz's image runs as (docker/Dockerfile).
pub(super) const KZ_UID: u32 = 65532;

/// Where kz's image works, and so looks for its configuration.
pub(super) const KZ_DIRECTORY: &str = "/app";

/// The directories of kz's image that uid 65532 may write, whose mode an empty volume takes over.
pub(super) const KZ_WRITABLE: &[&str] = &["/secrets", "/tmp", "/home/nonroot"];

/// How an image comes to its uid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// By `USER`: whatever it runs.
    User,
    /// Its entrypoint becomes it before anything is read, when the command begins with this.
    Drops(&'static str),
}

/// A vendor's image.
#[derive(Clone, Copy, Debug)]
struct Vendor {
    /// Its repository, without `docker.io/` and `library/`.
    name: &'static str,
    uid: u32,
    how: How,
}

/// Each with the file that says so.
static VENDORS: &[Vendor] = &[
    // grafana/grafana, Dockerfile: ARG GF_UID="472", USER "$GF_UID"
    Vendor { name: "grafana/grafana", uid: 472, how: How::User },
    // prometheus/prometheus, Dockerfile: USER nobody, on busybox, where that is 65534
    Vendor { name: "prom/prometheus", uid: 65534, how: How::User },
    // nginx/docker-nginx-unprivileged, Dockerfile: ARG UID=101, USER $UID
    Vendor { name: "nginxinc/nginx-unprivileged", uid: 101, how: How::User },
    // jenkinsci/docker, Dockerfile: ARG uid=1000, USER ${user}
    Vendor { name: "jenkins/jenkins", uid: 1000, how: How::User },
    // docker-library/redis, Dockerfile: useradd --uid 999; docker-entrypoint.sh drops to it for redis-server
    Vendor { name: "redis", uid: 999, how: How::Drops("redis-server") },
    // docker-library/mongo, Dockerfile: useradd --uid 999; docker-entrypoint.sh drops to it for mongo*
    Vendor { name: "mongo", uid: 999, how: How::Drops("mongo") },
];

/// The repository of an image, without registry of Docker Hub, tag and digest.
fn repository(image: &Text) -> Option<&str> {
    let image = image.known()?;
    let image = image.split('@').next().unwrap_or(image);
    let name_at = image.rfind('/').map_or(0, |slash| slash + 1);
    let end = image[name_at..].find(':').map_or(image.len(), |colon| name_at + colon);
    let image = &image[..end];
    let image = image.strip_prefix("docker.io/").unwrap_or(image);
    Some(image.strip_prefix("library/").unwrap_or(image))
}

/// Whether this is kz's own image, and not one built from it here.
pub(super) fn is_kz(unit: &Unit) -> bool {
    !unit.is_built
        && unit.image.as_ref().and_then(repository).is_some_and(|name| name == "kz" || name.ends_with("/kz"))
}

/// The uid that a unit's image reads files as, unless the unit says.
pub(super) fn uid(unit: &Unit) -> Option<u32> {
    if is_kz(unit) {
        return Some(KZ_UID);
    }
    let name = unit.image.as_ref().filter(|_| !unit.is_built).and_then(repository)?;
    let vendor = VENDORS.iter().find(|vendor| vendor.name == name)?;
    match vendor.how {
        How::User => Some(vendor.uid),
        How::Drops(program) => {
            let drops = unit.entrypoint.is_none() && begins(unit.command.as_ref(), program);
            drops.then_some(vendor.uid)
        }
    }
}

fn begins(command: Option<&CommandLine>, program: &str) -> bool {
    match command.and_then(|command| command.words.first()) {
        None => true,
        Some(first) => first.known().is_some_and(|first| first.starts_with(program)),
    }
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
    }
}
